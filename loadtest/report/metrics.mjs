// Metrics: the numbers of a run that can be compared, what each is good for, and from how many values it comes.

import { latencyWords } from './charts.mjs';
import { passed, sum } from './result.mjs';

/** @typedef {import('./schema.mjs').Result} Result */
/** @typedef {import('./schema.mjs').Sample} Sample */

/**
 * @typedef {object} Metric
 * @property {string} name
 * @property {string} unit
 * @property {'higher' | 'lower' | 'neither'} better
 * @property {number | null} value null: not measured
 * @property {number} [from] values that a percentile or a rate comes from
 * @property {boolean} [exact] counted, not measured: none of a kind is 0
 * @property {boolean} [strict] any difference counts, whatever the repeats say
 * @property {number} [resolution] smaller differences of single runs say nothing
 */

/** Refusals that nobody asked for by buying too late or too much: the server could not, or would not, answer. */
const UNWANTED = ['rate-limited', 'overloaded', 'journal-unavailable', 'outcome-unknown', 'database-unavailable'];
/** Milliseconds within which two runs of a load generator on a busy machine differ by themselves. */
const LATENCY_RESOLUTION = 0.05;
/** Seconds within which a process starts again sooner or later by itself. */
const RECOVERY_RESOLUTION = 0.5;
/**
 * All numbers of a run, always the same names for the same kind of run.
 * @param {Result} result
 * @returns {Metric[]}
 */
export function metricsOf(result) {
  return [...totals(result), ...latencies(result), ...server(result), ...breaking(result)];
}

/**
 * @param {Result} result
 * @returns {Metric[]}
 */
function totals(result) {
  const { totals, seconds } = result;
  const rate = typeof totals.requests === 'number' && seconds > 0 ? totals.requests / seconds : null;
  const failed = result.verdict.checks.filter((check) => !check.passed).length;
  const recovery = highest((result.faults ?? []).map((fault) => fault.recoveredAfterSeconds));
  // The moment of the fifth sale of five says little of how fast a server sells.
  const from = totals.successes;
  /** @type {Metric[]} */
  const kinds = [
    ...Object.entries(totals.refusals).map(([code, value]) => count(`refusals: ${code}`, UNWANTED.includes(code) ? 'lower' : 'neither', value)),
    ...Object.entries(totals.errors).map(([kind, value]) => count(`errors: ${kind}`, 'lower', value)),
  ];
  return [
    { ...count('checks that failed', 'lower', passed(result) ? 0 : Math.max(1, failed)), strict: true },
    count('arrivals', 'neither', totals.arrivals),
    count('successes', 'higher', totals.successes),
    count('units sold', 'higher', totals.unitsSold),
    count('refusals', 'neither', sum(totals.refusals)),
    count('errors', 'lower', sum(totals.errors)),
    count('repeats', 'neither', totals.repeats ?? null),
    ...kinds,
    { name: 'goodput until sold out', unit: '/s', better: 'higher', value: totals.goodputUntilSoldOutPerSecond ?? null, from },
    { name: 'sold out after', unit: 's', better: 'lower', value: totals.soldOutAfterSeconds ?? null, from },
    { name: 'requests', unit: '/s', better: 'higher', value: rate },
    { name: 'longest recovery', unit: 's', better: 'lower', value: recovery, resolution: RECOVERY_RESOLUTION },
  ];
}

/**
 * @param {string} name
 * @param {Metric['better']} better
 * @param {number | null} value
 * @returns {Metric}
 */
function count(name, better, value) {
  return { name, unit: '', better, value, exact: true };
}

/**
 * @param {Result} result
 * @returns {Metric[]}
 */
function latencies(result) {
  return Object.entries(result.latency ?? {}).flatMap(([kind, latency]) => {
    const words = latencyWords(kind);
    const from = latency?.count ?? 0;
    return /** @type {const} */ (['mean', 'p50', 'p90', 'p95', 'p99', 'max']).map((name) => ({
      name: `${words} ${name}`,
      unit: 'ms',
      better: /** @type {const} */ ('lower'),
      value: from > 0 ? (latency?.[name] ?? null) : null,
      resolution: LATENCY_RESOLUTION,
      // The slowest answer is one value, whatever it is the slowest of.
      from: name === 'max' ? Math.min(from, 1) : from,
    }));
  });
}

/**
 * @param {Result} result
 * @returns {Metric[]}
 */
function server({ samples, seconds }) {
  /** @type {(name: string, unit: string, better: Metric['better'], gather: typeof mean, value: (sample: Sample) => number | null | undefined) => Metric} */
  const metric = (name, unit, better, gather, value) => ({ name, unit, better, value: gather((samples ?? []).map(value)) });
  const commits = mean((samples ?? []).map(({ commitsPerSecond }) => commitsPerSecond));
  return [
    { ...metric('CPU, mean', 'cores', 'lower', mean, ({ cpu }) => cpu), resolution: 0.02 },
    metric('memory, highest', 'MiB', 'lower', highest, ({ memoryBytes }) => (typeof memoryBytes === 'number' ? memoryBytes / 2 ** 20 : null)),
    metric('data on disk, highest', 'MiB', 'lower', highest, ({ dataBytes }) => (typeof dataBytes === 'number' ? dataBytes / 2 ** 20 : null)),
    metric('open files, highest', '', 'neither', highest, ({ openFiles }) => openFiles),
    metric('events per commit, mean', '', 'neither', mean, ({ eventsPerCommit }) => eventsPerCommit),
    metric('commits, mean', '/s', 'neither', mean, ({ commitsPerSecond }) => commitsPerSecond),
    {
      ...metric('commit p99, mean', 'ms', 'lower', mean, ({ commitP99 }) => commitP99),
      from: commits === null ? undefined : Math.round(commits * seconds),
    },
    // It is looked at twice a second.
    { ...metric('projection lag, mean', 's', 'lower', mean, ({ projectionLagSeconds }) => projectionLagSeconds), resolution: 0.1 },
    metric('queue depth, highest', '', 'neither', highest, ({ queueDepth }) => queueDepth),
    metric('commands in flight, mean', '', 'neither', mean, ({ inFlight }) => inFlight),
  ];
}

/**
 * @param {Result} result
 * @returns {Metric[]}
 */
function breaking({ breakingPoint }) {
  if (!breakingPoint) return [];
  const rates = breakingPoint.steps.map(({ rate }) => rate);
  // What the generator can send is no number of the server.
  if (breakingPoint.generatorFirst) return [{ name: 'where the load generator gave way', unit: '/s', better: 'neither', value: breakingPoint.rate ?? null }];
  // Where nothing gave way, the point lies at the highest rate or above it.
  return [{ name: 'breaking point', unit: '/s', better: 'higher', value: breakingPoint.rate ?? highest(rates) }];
}

/** @param {(number | null | undefined)[]} values */
function mean(values) {
  const there = known(values);
  return there.length === 0 ? null : there.reduce((total, value) => total + value, 0) / there.length;
}

/** @param {(number | null | undefined)[]} values */
function highest(values) {
  const there = known(values);
  return there.length === 0 ? null : there.reduce((best, value) => Math.max(best, value));
}

/**
 * @param {(number | null | undefined)[]} values
 * @returns {number[]}
 */
function known(values) {
  return values.filter((value) => typeof value === 'number');
}
