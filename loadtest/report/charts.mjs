// Charts: what is drawn of a run. Pure: a result in, descriptions of charts out.

import { isWide, known, LINES_MAX, marksOf, moved, sentence, thinned } from './chart.mjs';
import { counted, measured, number, plain } from './text.mjs';

/** @typedef {import('./chart.mjs').Chart} Chart */
/** @typedef {import('./chart.mjs').Line} Line */
/** @typedef {import('./schema.mjs').Column} Column */
/** @typedef {import('./schema.mjs').Result} Result */
/** @typedef {import('./schema.mjs').Sample} Sample */
/** @typedef {Pick<Chart, 'id' | 'title' | 'unit' | 'form'> & { x: number[], lines: Line[], level?: Chart['level'], said?: string, quiet?: boolean }} Draft quiet: lines of zeros are left out */

/** What is timed, for people; other kinds are shown by their own names. @type {Record<string, string>} */
const KINDS = { success: 'successes', refusal: 'refusals', accept: 'accepted (202)', read: 'reads' };

/** @param {string} kind of latency */
export function latencyWords(kind) {
  return Object.hasOwn(KINDS, kind) ? (KINDS[kind] ?? kind) : kind.replaceAll('_', ' ');
}

const MEBIBYTE = 2 ** 20;
/** Units there are for each one taken, from which a stock counts as endless. */
const ENDLESS = 20;

/**
 * All charts of a run that have numbers, and what is to be said instead of the others.
 * @param {Result} result
 * @returns {{ charts: Chart[], instead: string[] }}
 */
export function chartsOf(result) {
  const drafts = [...loadDrafts(result), ...serverDrafts(result)];
  const marks = marksOf(result);
  const end = Math.max(1, result.seconds, ...marks.map(({ at }) => at), ...drafts.map(({ x }) => x.at(-1) ?? 0));
  const charts = [];
  const instead = [];
  for (const draft of drafts) {
    const there = draft.lines.filter(known);
    const lines = draft.quiet ? there.filter(moved) : there;
    if (lines.length > 0) charts.push(finished(draft, lines, marks, end));
    else instead.push(`${draft.title}: ${there.length > 0 ? 'none at all' : 'not measured'}.`);
  }
  return { charts, instead };
}

/**
 * @param {Draft} draft
 * @param {Line[]} lines
 * @param {Chart['marks']} marks
 * @param {number} end
 * @returns {Chart}
 */
function finished({ id, title, unit, form, x, level, said }, lines, marks, end) {
  const sentences = lines.map((line) => sentence(line, x, unit));
  const summary = [said, ...sentences].filter(Boolean).join(' ');
  const logarithmic = unit === 'ms' && isWide(lines);
  return { id, title, unit, form, logarithmic, along: 'seconds since the start', ...thinned(x, lines), end, marks, level: level ?? null, summary };
}

/**
 * What the load saw, a value each step.
 * @param {Result} result
 * @returns {Draft[]}
 */
function loadDrafts(result) {
  const { series, totals } = result;
  const step = series?.stepSeconds ?? 1;
  const columns = [series?.arrivals, series?.successes, series?.errors, series?.repeats, ...Object.values(series?.refusals ?? {})];
  const steps = Math.max(0, ...columns.map((column) => column?.length ?? 0), ...latencySteps(series));
  const x = Array.from({ length: steps }, (_, place) => place * step);
  /** @type {(label: string, column: Column | undefined | null) => Line} */
  const rate = (label, column) => ({ label, values: rates(column, steps, step), gather: 'sum' });
  const refusals = topRefusals(series?.refusals ?? {}).map(([code, column]) => rate(code, column));
  return [
    {
      id: 'arrivals',
      title: 'Arrivals and successes',
      unit: 'per second',
      form: 'steps',
      x,
      lines: [rate('arrivals', series?.arrivals), rate('successes', series?.successes)],
      level: goodput(result),
      said: saidOfGoodput(totals),
    },
    { id: 'refusals', title: 'Refusals by reason', unit: 'per second', form: 'stack', x, lines: refusals, quiet: true, said: byReason(totals.refusals) },
    {
      id: 'errors',
      title: 'Errors and repeated requests',
      unit: 'per second',
      form: 'steps',
      x,
      lines: [rate('errors', series?.errors), rate('repeats', series?.repeats)],
      quiet: true,
    },
    { id: 'success-latency', title: 'Latency of successes', unit: 'ms', form: 'line', x, lines: percentiles(series?.successLatency) },
    { id: 'refusal-latency', title: 'Latency of refusals', unit: 'ms', form: 'line', x, lines: percentiles(series?.refusalLatency) },
    { id: 'other-latency', title: 'Latency of other answers, p99', unit: 'ms', form: 'line', x, lines: otherLatencies(series), quiet: true },
  ];
}

/**
 * What the server said of itself, twice a second.
 * @param {Result} result
 * @returns {Draft[]}
 */
function serverDrafts(result) {
  const samples = result.samples ?? [];
  const x = samples.map(({ at }) => at);
  /** @type {(label: string, value: (sample: Sample) => number | null | undefined) => Line} */
  const line = (label, value) => ({ label, values: samples.map((sample) => value(sample) ?? null) });
  /** @type {(id: string, title: string, unit: string, ...lines: Line[]) => Draft} */
  const draft = (id, title, unit, ...lines) => ({ id, title, unit, form: 'line', x, lines });
  const { cores, loadGeneratorOnSameMachine: together } = result.machine ?? {};
  const everything = together === false ? 'whole machine of the generator' : 'whole machine';
  const whole = (/** @type {Sample} */ { machineCpu }) => (typeof machineCpu === 'number' && cores ? machineCpu * cores : null);
  const { totals, single } = stockLines(samples);
  return [
    { ...draft('stock', 'Stock', 'units', ...totals), quiet: true },
    ...(single.length > 0 ? [draft('stock-products', 'Units available of each product', 'units', ...single)] : []),
    draft('cpu', 'CPU', 'cores', line('server', ({ cpu }) => cpu), line('load generator', ({ generatorCpu }) => generatorCpu), line(everything, whole)),
    draft('memory', 'Memory of the server', 'MiB', line('used', ({ memoryBytes }) => scaled(memoryBytes, MEBIBYTE))),
    draft('batch', 'Batch size: events per commit', 'events', line('events', ({ eventsPerCommit }) => eventsPerCommit)),
    draft('commit', 'Time of a commit', 'ms', line('p99', ({ commitP99 }) => commitP99)),
    draft('purchase', "Purchases by the server's own clock", 'ms', line('p99', ({ purchaseP99 }) => purchaseP99)),
    draft('commits', 'Commits', 'per second', line('commits', ({ commitsPerSecond }) => commitsPerSecond)),
    draft('lag', 'Projection lag', 's', line('behind the journal', ({ projectionLagSeconds }) => projectionLagSeconds)),
    { ...draft('queue', 'Queue depth', 'purchases', line('waiting', ({ queueDepth }) => queueDepth)), quiet: true },
    draft('flight', 'Commands in flight', 'commands', line('in flight', ({ inFlight }) => inFlight)),
    draft('files', 'Open files and connections', '', line('open files', ({ openFiles }) => openFiles), line('connections', ({ connections }) => connections)),
    draft('data', 'Data on disk', 'MiB', { ...line('written', ({ dataBytes }) => scaled(dataBytes, MEBIBYTE)), sparse: true }),
  ];
}

/**
 * All latencies over time, by kind.
 * @param {Result['series']} series
 * @returns {[string, Record<string, Column>][]}
 */
function allLatencies(series) {
  return Object.entries(series ?? {}).flatMap(([name, columns]) =>
    name.endsWith('Latency') && columns ? [/** @type {[string, Record<string, Column>]} */ ([name.slice(0, -'Latency'.length), /** @type {any} */ (columns)])] : [],
  );
}

/** @param {Result['series']} series */
function latencySteps(series) {
  return allLatencies(series).flatMap(([, columns]) => Object.values(columns).map((column) => column?.length ?? 0));
}

/** @param {Result['series']} series */
function otherLatencies(series) {
  const others = allLatencies(series).filter(([kind]) => !['success', 'refusal'].includes(kind));
  return others.slice(0, LINES_MAX).map(([kind, columns]) => ({ label: latencyWords(kind), values: columns.p99 ?? [] }));
}

/**
 * Counts of a step as rates; a step in which nothing was counted had none, unless nothing was counted at all.
 * @param {Column | undefined | null} column
 * @param {number} steps
 * @param {number} step seconds
 * @returns {Column}
 */
function rates(column, steps, step) {
  if (!column) return [];
  return Array.from({ length: steps }, (_, place) => (column[place] ?? 0) / step);
}

/**
 * The most frequent reasons; the rest is gathered in one, so that the stack stays complete.
 * @param {Record<string, Column>} refusals
 * @returns {[string, Column][]}
 */
function topRefusals(refusals) {
  const all = Object.entries(refusals)
    .map(([code, column]) => ({ code, column: column ?? [], total: (column ?? []).reduce((/** @type {number} */ sum, count) => sum + (count ?? 0), 0) }))
    .filter(({ total }) => total > 0)
    .sort((one, other) => other.total - one.total);
  const shown = all.length > LINES_MAX ? all.slice(0, LINES_MAX - 1) : all;
  const rest = all.slice(shown.length).map(({ column }) => column);
  /** @type {[string, Column][]} */
  const top = shown.map(({ code, column }) => [code, column]);
  if (rest.length > 0) {
    const steps = Math.max(...rest.map(({ length }) => length));
    const gathered = Array.from({ length: steps }, (_, place) => rest.reduce((sum, column) => sum + (column[place] ?? 0), 0));
    top.push([`${rest.length} other reasons`, gathered]);
  }
  return top;
}

/** @param {Record<string, Column> | undefined | null} columns */
function percentiles(columns) {
  return Object.entries(columns ?? {}).slice(0, LINES_MAX).map(([label, values]) => ({ label, values: values ?? [] }));
}

/**
 * @param {Result} result
 * @returns {Chart['level']}
 */
function goodput({ totals, seconds }) {
  const value = totals.goodputUntilSoldOutPerSecond;
  if (typeof value !== 'number') return null;
  const soldOut = totals.soldOutAfterSeconds;
  const until = typeof soldOut === 'number' ? 'until sold out' : 'of the whole run';
  return { from: 0, to: soldOut ?? seconds, value, label: `goodput ${until}: ${number(value)}/s` };
}

/** @param {Result['totals']} totals */
export function saidOfGoodput(totals) {
  const { successes, unitsSold, goodputUntilSoldOutPerSecond, soldOutAfterSeconds } = totals;
  const units = unitsSold === successes ? '' : `, ${counted(unitsSold, 'unit')} sold`;
  const sold = counted(successes, 'success', 'successes') + units;
  const rate = unitRate(totals);
  const goodput = typeof goodputUntilSoldOutPerSecond === 'number' ? `, goodput ${number(goodputUntilSoldOutPerSecond)} a second${rate && ` (${rate})`}` : '';
  const end = typeof soldOutAfterSeconds === 'number' ? `; sold out after ${number(soldOutAfterSeconds)} s.` : '; not sold out.';
  return sold + goodput + end;
}

/**
 * Units a second, where they are others than successes.
 * @param {Result['totals']} totals
 */
export function unitRate({ successes, unitsSold, unitsUntilSoldOutPerSecond }) {
  const differs = unitsSold !== successes && typeof unitsUntilSoldOutPerSecond === 'number';
  return differs ? `${number(unitsUntilSoldOutPerSecond)} units/s` : '';
}

/** @param {import('./schema.mjs').Counts} refusals */
export function byReason(refusals) {
  const reasons = Object.entries(refusals).filter(([, count]) => count > 0).sort(([, one], [, other]) => other - one);
  return reasons.length === 0 ? 'No refusals.' : `Refusals in all: ${reasons.map(([code, count]) => `${plain(code)} ${number(count)}`).join(', ')}.`;
}

/**
 * @param {number | null | undefined} value
 * @param {number} by
 */
function scaled(value, by) {
  return typeof value === 'number' ? value / by : null;
}

/**
 * The stock of all products together, and each alone where there are several.
 * @param {Sample[]} samples
 * @returns {{ totals: Line[], single: Line[] }}
 */
function stockLines(samples) {
  const ids = [...new Set(samples.flatMap(({ stock }) => (stock ?? []).map(({ productId }) => String(productId))))];
  /** @type {(label: string, value: (stock: import('./schema.mjs').Stock) => number | null | undefined) => Line} */
  const total = (label, value) => ({ label, gather: 'last', values: samples.map(({ stock }) => together(stock, ids.length, value)) });
  const available = total('available', ({ available }) => available);
  const taken = [total('held', ({ held }) => held), total('sold', ({ sold }) => sold)];
  // Beside a stock without end nobody would see what was sold of it.
  const endless = most([available]) > ENDLESS * most(taken);
  const totals = [...taken, endless ? { ...available, label: 'available (right axis)', right: true } : available].reverse();
  if (ids.length < 2 || endless) return { totals, single: [] };
  /** @type {Line[]} */
  const single = ids.slice(0, LINES_MAX).map((id) => ({
    label: `product ${id}`,
    gather: 'last',
    values: samples.map(({ stock }) => stock?.find(({ productId }) => String(productId) === id)?.available ?? null),
  }));
  return { totals, single };
}

/** @param {Line[]} lines */
function most(lines) {
  return lines.reduce((best, { values }) => values.reduce((/** @type {number} */ high, value) => Math.max(high, value ?? 0), best), 0);
}

/**
 * A sum over all products; none when the sample lacks one of them, because it would look like a sale.
 * @param {Sample['stock']} stock
 * @param {number} products
 * @param {(stock: import('./schema.mjs').Stock) => number | null | undefined} value
 */
function together(stock, products, value) {
  if (!stock || stock.length < products || products === 0) return null;
  const values = stock.map((each) => value(each) ?? null);
  return values.reduce((sum, each) => (sum === null || each === null ? null : sum + each), 0);
}

/**
 * The breaking point: rate against p99, and against errors.
 * @param {NonNullable<Result['breakingPoint']>} point
 * @returns {Chart | null}
 */
export function breakingChart({ rate, steps, generatorFirst }) {
  const sorted = [...steps].sort((one, other) => one.rate - other.rate);
  const x = sorted.map((step) => step.rate);
  /** @type {Line[]} */
  const all = [
    { label: 'p99', values: sorted.map(({ p99 }) => p99 ?? null) },
    { label: 'p50', values: sorted.map(({ p50 }) => p50 ?? null) },
    { label: "p99 by the server's clock", values: sorted.map(({ purchaseP99 }) => purchaseP99 ?? null) },
    { label: 'errors', unit: 'errors', right: true, values: sorted.map(({ errors }) => errors ?? null) },
  ];
  const lines = all.filter(known);
  if (lines.length === 0 || x.length === 0) return null;
  const marks = typeof rate === 'number' ? [{ at: rate, until: null, label: `${generatorFirst ? 'load generator ' : ''}gave way at ${number(rate)}/s`, kind: /** @type {const} */ ('fault') }] : [];
  const last = sorted.at(-1);
  const end = Math.max(...x, rate ?? 0);
  const summary = `${counted(steps.length, 'step')} up to ${number(last?.rate)} arrivals a second; at the last one p99 ${measured(last?.p99, 'ms')} and ${counted(last?.errors ?? 0, 'error')}.`;
  return { id: 'breaking', title: 'Arrival rate against p99 and errors', unit: 'ms', form: 'line', logarithmic: isWide(lines), along: 'arrivals a second', x, together: 1, end, lines, marks, level: null, summary };
}

/** @param {NonNullable<Result['breakingPoint']>} point */
export function breakingSentence({ rate, what, gaveWay, steps, generatorFirst }) {
  if (typeof rate !== 'number') {
    const highest = Math.max(0, ...steps.map((step) => step.rate));
    return `Nothing gave way up to ${number(highest)} arrivals a second${gaveWay ? `: ${gaveWay}` : '.'}`;
  }
  // Whose number it is comes first.
  if (generatorFirst && gaveWay) return `${gaveWay} It was at ${number(rate)} arrivals a second${what ? `: ${what}` : ''}.`;
  return [`Gave way at ${number(rate)} arrivals a second${what ? `: ${what}` : ''}.`, gaveWay].filter(Boolean).join(' ');
}
