// Sparkline: a run in one small picture, drawn here, so that the suite's report needs no script.

import { html } from './text.mjs';

/** @typedef {import('./schema.mjs').Result} Result */

const WIDTH = 128;
const HEIGHT = 32;
/** More than these cannot be seen. */
const STEPS_MAX = 64;

/**
 * Arrivals as an area, successes as a line, faults as marks. The numbers are in the row beside it.
 * @param {Result} result
 */
export function sparkline({ series, faults, seconds }) {
  const given = Math.max(series?.arrivals?.length ?? 0, series?.successes?.length ?? 0);
  if (given === 0) return '–';
  const together = Math.ceil(given / STEPS_MAX);
  const steps = Math.ceil(given / together);
  const arrivals = gathered(series?.arrivals ?? [], together);
  const successes = gathered(series?.successes ?? [], together);
  const highest = Math.max(1, ...arrivals, ...successes);
  const x = (/** @type {number} */ place) => (Math.min(1, (place * together) / given) * WIDTH).toFixed(1);
  const y = (/** @type {number | undefined} */ count) => (HEIGHT - 1 - ((count ?? 0) / highest) * (HEIGHT - 3)).toFixed(1);
  const stair = (/** @type {number[]} */ counts) =>
    Array.from({ length: steps }, (_, place) => `${x(place)},${y(counts[place])} ${x(place + 1)},${y(counts[place])}`).join(' ');
  const length = Math.max(seconds, given * (series?.stepSeconds ?? 1));
  const marks = (faults ?? []).map(({ at }) => {
    const place = Math.min(WIDTH, (at / length) * WIDTH).toFixed(1);
    return html`<line class="fault" x1="${place}" x2="${place}" y1="0" y2="${HEIGHT}"/>`;
  });
  return html`<svg class="spark" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true">
<polygon class="all" points="0,${HEIGHT} ${stair(arrivals)} ${WIDTH},${HEIGHT}"/><polyline class="sold" points="${stair(successes)}"/>${marks}</svg>`;
}

/**
 * Sums of neighbours.
 * @param {(number | null)[]} counts
 * @param {number} together
 */
function gathered(counts, together) {
  const sums = Array.from({ length: Math.ceil(counts.length / together) }, () => 0);
  counts.forEach((count, place) => {
    const at = Math.floor(place / together);
    sums[at] = (sums[at] ?? 0) + (count ?? 0);
  });
  return sums;
}
