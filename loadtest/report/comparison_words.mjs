// Comparison in words: what the terminal and the page say alike, and the table on the terminal.

import { regressionsOf, statusOf } from './comparison.mjs';
import { mean } from './noise.mjs';
import { counted, measured, number, plain } from './text.mjs';

/** @typedef {import('./comparison.mjs').Comparison} Comparison */
/** @typedef {import('./comparison.mjs').Outcome} Outcome */
/** @typedef {import('./comparison.mjs').Row} Row */

/** @type {Record<string, string>} */
const COLOURS = { better: '\u001b[32m', worse: '\u001b[1;31m' };
/** Characters of a number's name on the terminal; codes of others may be long. */
const NAME_MAX = 36;
const PLAIN = '\u001b[0m';

/** Rows that say something: measured on one side at least, and not 0 on both. @param {Row[]} rows */
export function shownRows(rows) {
  return rows.filter(({ metric, a, b }) => metric.strict || (a.length + b.length > 0 && [...a, ...b].some((value) => value !== 0)));
}

/**
 * The value of a side: the mean of its repeats.
 * @param {number[]} values
 * @param {string} unit
 */
export function sideWords(values, unit) {
  return measured(values.length === 0 ? null : mean(values), unit);
}

/** @param {Row} row */
export function changeWords({ change }) {
  if (change === null) return '';
  const percent = number(change * 100, Math.abs(change) < 0.1 ? 1 : 0);
  return `${change > 0 ? '+' : ''}${percent === '-0.0' ? '0.0' : percent} %`;
}

/** @param {Row} row */
export function judgementWords({ judgement: { word, why } }) {
  return why === '' ? word : `${word}: ${why}`;
}

/**
 * The noise of a number, as a part of A where that can be said.
 * @param {Row} row
 */
export function noiseWords({ a, metric, judgement: { bound } }) {
  if (bound === null) return '';
  const base = a.length > 0 ? Math.abs(mean(a)) : 0;
  // Beside a value that is next to nothing, a part of it would say nothing.
  const asPart = base > 0 && bound < base && !metric.strict;
  return asPart ? `± ${number((bound / base) * 100, bound / base < 0.1 ? 1 : 0)} %` : `± ${measured(bound, metric.unit)}`;
}

/**
 * What noise is in this comparison.
 * @param {Comparison} comparison
 * @param {number} part
 */
export function noiseSentence({ a, b, rows }, part) {
  if (rows.some(({ judgement }) => judgement.repeats)) {
    return `Noise is estimated from ${counted(a.length, 'run')} of A and ${counted(b.length, 'run')} of B (Student's t, 99 %).`;
  }
  return `Noise is taken to be ${number(part * 100)} % of A, because there are too few repeats to estimate it (4 runs in all).`;
}

/** The verdict in one sentence. @param {Outcome} outcome */
export function verdictSentence(outcome) {
  const regressions = regressionsOf(outcome.comparisons);
  const several = outcome.comparisons.length > 1;
  const judged = outcome.comparisons.flatMap(({ rows }) => shownRows(rows));
  const count = (/** @type {string} */ word) => judged.filter(({ judgement }) => judgement.word === word).length;
  const tally = `${count('better')} better, ${count('worse')} worse, ${count('changed')} changed, ${count('within noise')} within noise, ${count('not judged')} not judged`;
  if (regressions.length > 0) {
    const names = regressions.map(({ title, row }) => (several ? `${plain(title)}: ${row.metric.name}` : row.metric.name));
    return `${counted(regressions.length, 'number')} of B ${regressions.length === 1 ? 'is' : 'are'} worse than in A beyond noise: ${names.map(plain).join('; ')}. Of all numbers: ${tally}.`;
  }
  if (outcome.comparisons.length === 0) return 'A and B cannot be compared.';
  return statusOf(outcome) === 2 ? `No regression in what could be compared, but not everything could. Of all numbers: ${tally}.` : `No regression. Of all numbers: ${tally}.`;
}

/** @param {Outcome} outcome */
export function verdictWord(outcome) {
  return ['No regression', 'Regression', 'Not comparable'][statusOf(outcome)] ?? '';
}

/**
 * Everything on a terminal.
 * @param {Outcome} outcome
 * @param {number} part
 * @param {boolean} colour
 */
export function terminalText(outcome, part, colour) {
  const parts = outcome.comparisons.map((comparison) => comparisonText(comparison, part, colour));
  const tone = COLOURS[statusOf(outcome) === 1 ? 'worse' : 'better'] ?? '';
  const sentence = verdictSentence(outcome);
  const verdict = colour && outcome.comparisons.length > 0 ? `${tone}${sentence}${PLAIN}` : sentence;
  return `${[...parts, [...outcome.unmatched, verdict].join('\n')].join('\n\n')}\n`;
}

/**
 * @param {Comparison} comparison
 * @param {number} part
 * @param {boolean} colour
 */
function comparisonText(comparison, part, colour) {
  const { title, a, rows, machine, settings, disturbed } = comparison;
  const head = ['', 'A', 'B', 'change', 'noise', ''];
  const lines = shownRows(rows).map((row) => [
    shortened(plain(row.metric.name)),
    sideWords(row.a, row.metric.unit),
    sideWords(row.b, row.metric.unit),
    changeWords(row),
    noiseWords(row),
    judgementWords(row),
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...lines].map((line) => (line[column] ?? '').length)));
  const table = [head, ...lines].map((line, place) => {
    const cells = line.map((cell, column) => (column === 0 || column === 5 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)));
    const text = cells.join('  ').trimEnd();
    const tone = place > 0 ? COLOURS[shownRows(rows)[place - 1]?.judgement.word ?? ''] : undefined;
    return colour && tone ? `${tone}${text}${PLAIN}` : text;
  });
  const first = a[0];
  const ran = first ? `${plain(title)} (${plain(first.scenario)}, ${plain(first.size)}, ${plain(first.topology)}, limiter ${first.limiter ? 'on' : 'off'}, fault ${plain(first.fault)})` : '';
  const notes = [
    ...disturbed,
    ...machine.map((difference) => `Not the same machine: ${differenceWords(difference)}.`),
    ...settings.map((difference) => `Server: ${differenceWords(difference)}.`),
    noiseSentence(comparison, part),
  ];
  return [ran, ...table, ...notes].join('\n');
}

/** @param {string} name */
function shortened(name) {
  return name.length > NAME_MAX ? `${name.slice(0, NAME_MAX - 1)}…` : name;
}

/** @param {import('./comparison.mjs').Difference} difference */
export function differenceWords({ name, a, b }) {
  return `${plain(name)} is ${plain(a)} in A and ${plain(b)} in B`;
}
