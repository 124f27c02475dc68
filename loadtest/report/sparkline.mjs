// Sparkline: a run in one small picture, drawn here, so that the suite's report needs no script.

import { html } from './text.mjs';

/** @typedef {import('./schema.mjs').Result} Result */

const WIDTH = 128;
const HEIGHT = 32;

/**
 * Arrivals as an area, successes as a line, faults as marks. The numbers are in the row beside it.
 * @param {Result} result
 */
export function sparkline({ series, faults, seconds }) {
  const arrivals = series?.arrivals ?? [];
  const successes = series?.successes ?? [];
  const steps = Math.max(arrivals.length, successes.length);
  if (steps === 0) return '–';
  const highest = Math.max(1, ...arrivals.map((count) => count ?? 0), ...successes.map((count) => count ?? 0));
  const x = (/** @type {number} */ place) => ((place / steps) * WIDTH).toFixed(1);
  const y = (/** @type {number | null | undefined} */ count) => (HEIGHT - 1 - ((count ?? 0) / highest) * (HEIGHT - 3)).toFixed(1);
  const stair = (/** @type {(number | null)[]} */ counts) =>
    Array.from({ length: steps }, (_, place) => `${x(place)},${y(counts[place])} ${x(place + 1)},${y(counts[place])}`).join(' ');
  const length = Math.max(seconds, steps * (series?.stepSeconds ?? 1));
  const marks = (faults ?? []).map(({ at }) => {
    const place = Math.min(WIDTH, (at / length) * WIDTH).toFixed(1);
    return html`<line class="fault" x1="${place}" x2="${place}" y1="0" y2="${HEIGHT}"/>`;
  });
  return html`<svg class="spark" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true">
<polygon class="all" points="0,${HEIGHT} ${stair(arrivals)} ${WIDTH},${HEIGHT}"/><polyline class="sold" points="${stair(successes)}"/>${marks}</svg>`;
}
