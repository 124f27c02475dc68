// Fixtures: results for the tests, made up from a seed by a tiny sale. No run of a server is behind them.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** @typedef {import('./schema.mjs').Result} Result */

/**
 * Numbers from 0 to 1, the same ones for the same seed (mulberry32).
 * @param {number} seed
 */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * @param {number[]} values
 * @param {number} part
 */
function quantile(values, part) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0;
}

/** @param {number[]} values */
function percentiles(values) {
  return { p50: quantile(values, 0.5), p95: quantile(values, 0.95), p99: quantile(values, 0.99) };
}

/** @param {number[]} values */
function latency(values) {
  if (values.length === 0) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { count: values.length, mean, p90: quantile(values, 0.9), ...percentiles(values), max: Math.max(...values) };
}

/**
 * A result of a sale of some stock; options change how it went.
 * @param {object} [options]
 * @param {number} [options.seed]
 * @param {number} [options.seconds]
 * @param {number} [options.rate] arrivals a second
 * @param {number} [options.stock]
 * @param {number} [options.slower] a factor of all latencies
 * @param {number} [options.products]
 * @param {number | null} [options.crashAt] seconds
 * @param {Partial<Result>} [options.change]
 * @returns {Result}
 */
export function result({ seed = 1, seconds = 20, rate = 125, stock = 400, slower = 1, products = 1, crashAt = null, change = {} } = {}) {
  const chance = random(seed);
  const state = { left: stock, sold: 0, soldOut: /** @type {number | null} */ (null) };
  const away = (/** @type {number} */ second) => crashAt !== null && second === Math.floor(crashAt);
  /** @type {number[][]} */
  const successes = [];
  /** @type {number[][]} */
  const refusals = [];
  const arrivals = [];
  const samples = [];
  for (let second = 0; second < seconds; second += 1) {
    const come = Math.round(rate * (0.85 + 0.3 * chance()));
    const taken = away(second) ? 0 : Math.min(state.left, Math.round(come * 0.7));
    arrivals.push(come);
    successes.push(Array.from({ length: taken }, () => slower * (2 + 6 * chance() ** 3 + (away(second - 1) ? 300 : 0))));
    refusals.push(Array.from({ length: away(second) ? 0 : come - taken }, () => slower * (0.4 + 1.2 * chance() ** 4)));
    for (const half of [0, 0.5]) {
      if (!away(second)) samples.push(sample(second + half, state, taken * half, products, chance));
    }
    state.left -= taken;
    state.sold += taken;
    if (state.left === 0 && state.soldOut === null) state.soldOut = second + 0.8;
  }
  const all = { successes: successes.flat(), refusals: refusals.flat() };
  const limit = refusals.map((each) => Math.floor(each.length * 0.1));
  const limited = limit.reduce((sum, count) => sum + count, 0);
  return {
    schema: 1,
    scenario: 'limited-stock',
    title: 'Limited stock',
    tool: 'k6',
    startedAt: '2026-03-01T10:00:00.000Z',
    seconds,
    size: 'quick',
    load: { users: rate * seconds, rate, duration: seconds, stock },
    topology: 'embedded',
    fault: crashAt === null ? 'none' : 'crash',
    faults: crashAt === null ? [] : [{ at: crashAt, what: 'kill -9', recoveredAfterSeconds: 0.62 }],
    limiter: false,
    machine: { cpu: 'Example CPU', cores: 2, memoryBytes: 8 * 2 ** 30, system: 'Linux 6.1', loadGeneratorOnSameMachine: true },
    server: { version: '0.1.0', binary: 'release', configuration: { 'limits.enabled': false, 'journal.url': 'sqlite://data/journal.db' } },
    verdict: {
      passed: true,
      checks: [
        { name: 'exactly the stock was sold', passed: true, expected: String(stock), actual: String(state.sold), why: 'Every unit has one buyer.' },
        { name: 'nothing acknowledged is lost', passed: true, expected: '0', actual: '0', why: 'Each acknowledged order is in the journal.' },
        { name: 'no customer above the limit', passed: true },
      ],
    },
    expectation: `exactly ${stock} successes`,
    published: { text: '5 sold', system: 'the system it comes from' },
    totals: {
      arrivals: arrivals.reduce((sum, count) => sum + count, 0),
      successes: state.sold,
      unitsSold: state.sold,
      refusals: { 'sold-out': all.refusals.length - limited, 'customer-limit-reached': limited },
      errors: { 'no-answer': 0 },
      repeats: crashAt === null ? 0 : 37,
      requests: all.successes.length + all.refusals.length,
      goodputUntilSoldOutPerSecond: state.soldOut === null ? null : state.sold / state.soldOut,
      soldOutAfterSeconds: state.soldOut,
    },
    latency: { success: latency(all.successes), refusal: latency(all.refusals), accept: null, read: null },
    series: {
      stepSeconds: 1,
      arrivals,
      successes: successes.map(({ length }) => length || null),
      refusals: { 'sold-out': refusals.map(({ length }, second) => length - (limit[second] ?? 0)), 'customer-limit-reached': limit },
      errors: arrivals.map(() => null),
      repeats: arrivals.map((_, second) => (away(second) ? 37 : null)),
      successLatency: columns(successes),
      refusalLatency: columns(refusals),
    },
    samples,
    breakingPoint: null,
    ...change,
  };
}

/**
 * @param {number[][]} seconds
 * @returns {Record<string, (number | null)[]>}
 */
function columns(seconds) {
  const each = seconds.map((values) => (values.length === 0 ? null : percentiles(values)));
  return { p50: each.map((one) => one?.p50 ?? null), p95: each.map((one) => one?.p95 ?? null), p99: each.map((one) => one?.p99 ?? null) };
}

/**
 * @param {number} at
 * @param {{ left: number, sold: number }} state
 * @param {number} taken since the second began
 * @param {number} products
 * @param {() => number} chance
 */
function sample(at, { left, sold }, taken, products, chance) {
  const moved = Math.round(taken);
  const share = (/** @type {number} */ units, /** @type {number} */ place) => Math.floor(units / products) + (place < units % products ? 1 : 0);
  return {
    at,
    stock: Array.from({ length: products }, (_, place) => ({ productId: place + 1, available: share(left - moved, place), held: 0, sold: share(sold + moved, place) })),
    cpu: 0.2 + 0.5 * chance(),
    memoryBytes: (38 + 4 * chance()) * 2 ** 20,
    openFiles: 60 + Math.floor(20 * chance()),
    commitsPerSecond: 200 + 80 * chance(),
    eventsPerCommit: 1 + 6 * chance(),
    commitP99: 2 + 3 * chance(),
    projectionLagSeconds: 0.02 + 0.05 * chance(),
    queueDepth: null,
    inFlight: Math.floor(12 * chance()),
  };
}

/** A breaking point, found at a rate between its steps. */
export function breakingPoint(seed = 1) {
  const chance = random(seed);
  const steps = [100, 200, 400, 800, 1200, 1600].map((rate) => ({
    rate,
    achieved: Math.min(rate, 1250),
    p50: 2 + (rate > 1200 ? 60 : rate / 800),
    p99: 6 + rate / 60 + (rate > 1200 ? 320 : 4 * chance()),
    errors: rate > 1200 ? 12 : 0,
    cpu: Math.min(1, rate / 1300),
  }));
  return { rate: 1600, what: 'p99 of successes passed 250 ms', steps, gaveWay: 'The CPU was full: the server used 1.0 of 2 cores, the load generator the other.' };
}

/** Text that must stay text wherever it is shown. */
export const HOSTILE = '</script><script>document.title="taken"</script><img src=x onerror=\'document.title="taken"\'>" \u001b[31m & <b>';

/** A result in which every text of others is hostile. @returns {Result} */
export function hostile() {
  const plain = result({ seed: 9, crashAt: 7.4 });
  return {
    ...plain,
    title: HOSTILE,
    scenario: HOSTILE,
    tool: HOSTILE,
    size: HOSTILE,
    topology: HOSTILE,
    fault: HOSTILE,
    faults: [{ at: 7.4, what: HOSTILE, recoveredAfterSeconds: 1 }],
    machine: { cpu: HOSTILE, system: HOSTILE },
    load: { [HOSTILE]: HOSTILE },
    server: { [HOSTILE]: { [HOSTILE]: HOSTILE }, list: [HOSTILE] },
    verdict: { passed: false, checks: [{ name: HOSTILE, passed: false, expected: HOSTILE, actual: HOSTILE, why: HOSTILE }] },
    expectation: HOSTILE,
    published: { text: HOSTILE, system: HOSTILE },
    totals: { ...plain.totals, refusals: { [HOSTILE]: 3 }, errors: { [HOSTILE]: 2 } },
    series: { .../** @type {any} */ (plain.series), refusals: { [HOSTILE]: [1, 2, 3] } },
    breakingPoint: { ...breakingPoint(), what: HOSTILE, gaveWay: HOSTILE },
  };
}

/**
 * Writes a result as a run leaves it, and returns its folder.
 * @param {string} folder
 * @param {string} name
 * @param {Result} written
 */
export async function writeResult(folder, name, written) {
  const place = join(folder, name);
  await mkdir(place, { recursive: true });
  await writeFile(join(place, 'result.json'), JSON.stringify(written));
  return place;
}

/**
 * Writes a suite of runs that were written before.
 * @param {string} folder
 * @param {string[]} names folders of the runs
 * @param {boolean} passed
 * @param {{scenario: string, why: string}[]} failed what could not be run
 */
export async function writeSuite(folder, names, passed, failed = []) {
  const place = join(folder, 'suite');
  await mkdir(place, { recursive: true });
  const runs = names.map((name) => `../${name}/result.json`);
  await writeFile(join(place, 'suite.json'), JSON.stringify({ schema: 1, startedAt: '2026-03-01T10:00:00.000Z', seconds: 312.4, runs, failed, passed }));
  return place;
}
