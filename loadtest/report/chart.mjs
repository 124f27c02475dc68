// Chart: one picture as data, with the sentence and the table that say the same without it.

import { measured, number } from './text.mjs';

/** @typedef {import('./schema.mjs').Column} Column */
/** @typedef {import('./schema.mjs').Result} Result */

/**
 * @typedef {object} Line
 * @property {string} label
 * @property {Column} values
 * @property {'sum' | 'highest' | 'last'} [gather] what a table row says of several values; highest when left out
 * @property {boolean} [right] drawn against the axis on the right
 * @property {boolean} [sparse] measured now and then: no gap where it was not
 * @property {string} [unit] when it is not the chart's
 */

/**
 * @typedef {object} Mark
 * @property {number} at
 * @property {number | null} until
 * @property {string} label
 * @property {'fault' | 'note'} kind
 */

/**
 * @typedef {object} Chart
 * @property {string} id
 * @property {string} title
 * @property {string} unit
 * @property {'line' | 'steps' | 'stack'} form
 * @property {boolean} logarithmic the vertical axis
 * @property {string} along what the horizontal axis counts: "seconds since the start"
 * @property {number[]} x
 * @property {number} together values of the run that one of the chart's stands for
 * @property {number} end where the horizontal axis ends
 * @property {Line[]} lines
 * @property {Mark[]} marks
 * @property {{ from: number, to: number, value: number, label: string } | null} level a stretch of a value worth seeing
 * @property {string} summary
 */

/** Lines in one picture; more cannot be told apart. */
export const LINES_MAX = 8;
/** The highest value of a latency by its lowest, from which the axis is logarithmic. */
const WIDE = 30;
/** Points of a line; there are not many more across the picture. */
const POINTS_MAX = 600;
/** Rows of a table that stands for a chart; longer runs are gathered. */
const ROWS_MAX = 60;

/**
 * The faults, and when everything was sold, at their times.
 * @param {Result} result
 * @returns {Mark[]}
 */
export function marksOf(result) {
  /** @type {Mark[]} */
  const marks = (result.faults ?? []).map(({ at, what, recoveredAfterSeconds }) => {
    const until = typeof recoveredAfterSeconds === 'number' ? at + recoveredAfterSeconds : null;
    return { at, until, label: what, kind: 'fault' };
  });
  const soldOut = result.totals.soldOutAfterSeconds;
  if (typeof soldOut === 'number') marks.push({ at: soldOut, until: null, label: 'sold out', kind: 'note' });
  return marks;
}

/**
 * Whether small values could not be seen beside the highest; zeros have no place on such an axis.
 * @param {Line[]} lines
 */
export function isWide(lines) {
  const values = lines.filter(({ right }) => !right).flatMap(({ values }) => values.filter((value) => value !== null && value !== undefined));
  const highest = values.reduce((best, value) => Math.max(best, value), 0);
  const lowest = values.reduce((best, value) => Math.min(best, value), Infinity);
  return lowest > 0 && highest > WIDE * lowest;
}

/** Whether a line says more than that nothing happened. @param {Line} line */
export function moved({ values }) {
  return values.some((value) => value !== null && value !== undefined && value !== 0);
}

/** Whether a line has anything to show. @param {Line} line */
export function known({ values }) {
  return values.some((value) => value !== null && value !== undefined);
}

/**
 * "p99: at most 12.3 ms (at 4 s), in the middle 3.1 ms." What is counted or sold has no middle worth a word.
 * @param {Line} line
 * @param {number[]} x
 * @param {string} unit of the chart
 */
export function sentence({ label, values, gather, unit: own }, x, unit) {
  const unitShown = own ?? unit;
  const there = values.flatMap((value, place) => (value === null || value === undefined ? [] : [{ value, at: x[place] ?? 0 }]));
  const [first] = there;
  if (!first) return `${label}: no numbers.`;
  const highest = there.reduce((best, each) => (each.value > best.value ? each : best), first);
  const middle = there.map(({ value }) => value).sort((one, other) => one - other)[Math.floor((there.length - 1) / 2)];
  if (there.every(({ value }) => value === highest.value)) return `${label}: ${measured(highest.value, unitShown)} throughout.`;
  const most = `${label}: at most ${measured(highest.value, unitShown)} (at ${number(highest.at)} s)`;
  return gather ? `${most}.` : `${most}, in the middle ${measured(middle, unitShown)}.`;
}

/**
 * Long runs have more values than a picture has room: neighbours are gathered.
 * @param {number[]} x
 * @param {Line[]} lines
 */
export function thinned(x, lines) {
  const together = Math.max(1, Math.ceil(x.length / POINTS_MAX));
  if (together === 1) return { x, lines, together };
  const starts = x.map((_, place) => place).filter((place) => place % together === 0);
  const thin = lines.map((line) => ({ ...line, values: starts.map((start) => gathered(line, start, Math.min(start + together, x.length))) }));
  return { x: starts.map((start) => x[start] ?? 0), lines: thin, together };
}

/**
 * The rows of a table with the numbers of a chart, at most ROWS_MAX; empty stretches are left out.
 * @param {Chart} chart
 * @returns {{ each: number, rows: { from: number, to: number, values: Column }[] }} each: steps gathered in a row
 */
export function rowsOf({ x, lines }) {
  const each = Math.max(1, Math.ceil(x.length / ROWS_MAX));
  const rows = [];
  for (let start = 0; start < x.length; start += each) {
    const values = lines.map((line) => gathered(line, start, Math.min(start + each, x.length)));
    const last = Math.min(start + each, x.length) - 1;
    if (values.some((value) => value !== null)) rows.push({ from: x[start] ?? 0, to: x[last] ?? 0, values });
  }
  return { each, rows };
}

/**
 * @param {Line} line
 * @param {number} start
 * @param {number} end
 */
function gathered({ values, gather }, start, end) {
  const there = values.slice(start, end).filter((value) => value !== null && value !== undefined);
  if (there.length === 0) return null;
  if (gather === 'sum') return there.reduce((total, value) => total + value, 0) / (end - start);
  return gather === 'last' ? (there.at(-1) ?? null) : there.reduce((best, value) => Math.max(best, value));
}
