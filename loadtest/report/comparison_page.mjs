// Comparison as a page: the verdict, what differs, both runs in the same charts, and every number.

import { known, sentence, thinned } from './chart.mjs';
import { chartsOf } from './charts.mjs';
import { statusOf } from './comparison.mjs';
import { changeWords, judgementWords, noiseSentence, noiseWords, shownRows, sideWords, verdictSentence, verdictWord } from './comparison_words.mjs';
import { cards, chartFigure, page } from './page.mjs';
import { verdictBox } from './sections.mjs';
import { counted, html, moment } from './text.mjs';

/** @typedef {import('./chart.mjs').Chart} Chart */
/** @typedef {import('./comparison.mjs').Comparison} Comparison */
/** @typedef {import('./comparison.mjs').Outcome} Outcome */

/** What is drawn of both, by chart and line. @type {[string, string][]} */
const DRAWN = [
  ['arrivals', 'successes'],
  ['success-latency', 'p99'],
  ['refusal-latency', 'p99'],
  ['cpu', 'server'],
];

/**
 * @param {Outcome} outcome
 * @param {number} part
 */
export async function comparisonPage(outcome, part) {
  const drawn = outcome.comparisons.map((comparison, place) => chartsOfBoth(comparison, place));
  const status = statusOf(outcome);
  const word = verdictWord(outcome);
  const unmatched = outcome.unmatched.length > 0 && html`<section class="panel" aria-labelledby="unmatched-title"><h2 id="unmatched-title">Not compared</h2><ul>${outcome.unmatched.map((words) => html`<li>${words}</li>`)}</ul></section>`;
  const body = html`${verdictBox('A beside B', status === 0, verdictSentence(outcome), word)}
${unmatched}
${outcome.comparisons.map((comparison, place) => section(comparison, drawn[place] ?? [], part, place))}`;
  return page({ title: `${word}: A beside B`, body, charts: drawn.flat() });
}

/**
 * @param {Comparison} comparison
 * @param {Chart[]} charts
 * @param {number} part
 * @param {number} place
 */
function section(comparison, charts, part, place) {
  const { title, a, b, rows, disturbed } = comparison;
  const first = a[0];
  const heads = [{ text: 'Number' }, { text: 'A', number: true }, { text: 'B', number: true }, { text: 'Change', number: true }, { text: 'Noise', number: true }, { text: 'Judgement' }];
  const tones = /** @type {Record<string, string>} */ ({ worse: 'bad', better: 'good' });
  const body = shownRows(rows).map((row) => ({
    tone: tones[row.judgement.word] ?? null,
    cells: [row.metric.name, sideWords(row.a, row.metric.unit), sideWords(row.b, row.metric.unit), changeWords(row), noiseWords(row), html`<span class="word">${judgementWords(row)}</span>`],
  }));
  return html`<section aria-labelledby="title-${place}"><h2 id="title-${place}">${title}</h2>
${first && html`<p class="tags">${[first.scenario, first.size, first.topology, `limiter ${first.limiter ? 'on' : 'off'}`, `fault: ${first.fault}`, first.tool].map((tag) => html`<span class="tag">${tag}</span>`)}</p>`}
<p class="quiet">A: ${sideOf(a)}. B: ${sideOf(b)}. ${noiseSentence(comparison, part)}</p>
${disturbed.length > 0 && html`<p class="tags">${disturbed.map((words) => html`<span class="tag" data-tone="warn">${words}</span>`)}</p>`}
${differencesSection(comparison)}
<div class="panel">${cards({ label: `Numbers of ${title}`, heads, rows: body, compact: true })}</div>
<div class="charts">${charts.map(chartFigure)}</div></section>`;
}

/** @param {Comparison['a']} results */
function sideOf(results) {
  return `${counted(results.length, 'run')}, started ${results.map(({ startedAt }) => moment(startedAt)).join(', ')}`;
}

/** @param {Comparison} comparison */
function differencesSection({ machine, settings }) {
  if (machine.length + settings.length === 0) return html`<p class="quiet">Machine, server and configuration are the same.</p>`;
  const rows = [...machine.map((each) => ({ ...each, name: `machine: ${each.name}` })), ...settings].map(
    ({ name, a, b }) => html`<tr><th scope="row">${name}</th><td>${a}</td><td>${b}</td></tr>`,
  );
  return html`<div class="panel"><h3>What is not the same</h3><table class="settings"><thead><tr><th scope="col">Setting</th><th scope="col">A</th><th scope="col">B</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

/**
 * The first run of each side in one chart.
 * @param {Comparison} comparison
 * @param {number} place
 * @returns {Chart[]}
 */
function chartsOfBoth({ a, b }, place) {
  const [first, second] = [a[0], b[0]];
  if (!first || !second) return [];
  const ofA = chartsOf(first).charts;
  const ofB = chartsOf(second).charts;
  return DRAWN.flatMap(([id, label]) => {
    const [one, other] = [ofA, ofB].map((charts) => charts.find((chart) => chart.id === id));
    if (!one || !other) return [];
    return both(one, other, label, place) ?? [];
  });
}

/**
 * @param {Chart} one
 * @param {Chart} other
 * @param {string} label of the line
 * @param {number} place
 * @returns {Chart | null}
 */
function both(one, other, label, place) {
  // Each side was sampled at moments of its own; only steps of the same width have both.
  const width = Math.max(1, spacing(one.x), spacing(other.x));
  const stepOf = (/** @type {number} */ time) => Math.floor(time / width);
  const last = Math.max(0, ...[one, other].map((chart) => stepOf(chart.x.at(-1) ?? 0)));
  const x = Array.from({ length: last + 1 }, (_, step) => step * width);
  const lines = [one, other].map((chart, side) => {
    const line = chart.lines.find((each) => each.label === label);
    /** @type {(number | null)[]} */
    const values = x.map(() => null);
    chart.x.forEach((time, place) => {
      const value = line?.values[place] ?? null;
      const step = stepOf(time);
      if (value !== null) values[step] = Math.max(values[step] ?? value, value);
    });
    return { label: `${side === 0 ? 'A' : 'B'}: ${label}`, gather: line?.gather, values };
  });
  if (!lines.every(known)) return null;
  const marks = [one, other].flatMap(({ marks }, side) => marks.map((mark) => ({ ...mark, label: `${side === 0 ? 'A' : 'B'}: ${mark.label}` })));
  const said = lines.map((line) => sentence(line, x, one.unit)).join(' ');
  const summary = `The first run of each side. ${said}`;
  return { ...one, ...thinned(x, lines), id: `${one.id}-${place}`, title: `${one.title}: ${label}`, end: Math.max(one.end, other.end), marks, level: null, summary };
}

/** Whole seconds between two values. @param {number[]} x */
function spacing(x) {
  return x.length > 1 ? Math.ceil(((x.at(-1) ?? 0) - (x[0] ?? 0)) / (x.length - 1)) : 1;
}
