// Where it broke, and what gave way: the steps as the generator measured them, and beside them what the
// server, the generator and the machine were doing in the same seconds.

import { latencyOf } from './points.mjs';

/** @typedef {{rate: number, achieved: number|null, p50: number|null, p99: number|null, errors: number, neverCame: number}}
 *   Climbed a step as the script measured it */
/** @typedef {{limit: number, rate: number|null, lastGoodRate: number|null, what: string, steps: Climbed[]}} Found */
/** @typedef {import('./sampler.mjs').Sample} Sample */
/** @typedef {{cpu: number|null, generatorCpu: number|null, machineCpu: number|null, commitP99: number|null,
 *   eventsPerCommit: number|null, inFlight: number|null, sheddingLevel: number|null}} Seen */

/** From this share of all cores on the machine has nothing left to give. */
const FULL = 0.9;
/** From this share of the limit on commits alone explain the wait. */
const SLOW_COMMITS = 0.5;
/** engine.inflight_per_product_max, near which the server refuses. */
const IN_FLIGHT_NEAR_BOUND = 40_000;

/**
 * @param {Found|null} found what the script says; null where the load is not raised
 * @param {number} duration seconds of each step
 * @param {Sample[]} samples `at` in seconds since the first customer
 * @param {number[][]} latencies of successes, by second since the first customer
 * @param {number} cores
 */
export function breakingPointOf(found, duration, samples, latencies, cores) {
  if (found === null) return null;
  const steps = found.steps.map((step, index) => {
    // The second in which a step begins still shows the one before it.
    const during = samples.filter(({ at }) => at >= index * duration + 1 && at < (index + 1) * duration + 0.5);
    // With a fault the script keeps no latencies of single steps.
    const measured = latencyOf(latencies.slice(index * duration, (index + 1) * duration).flat());
    const { p50, p99 } = { p50: step.p50 ?? measured?.p50 ?? null, p99: step.p99 ?? measured?.p99 ?? null };
    return { ...step, p50, p99, ...seen(during) };
  });
  return {
    rate: found.rate,
    lastGoodRate: found.lastGoodRate,
    limit: found.limit,
    what: found.what,
    steps,
    gaveWay: sentence(found, steps, cores),
  };
}

/** @param {Sample[]} samples @returns {Seen} */
function seen(samples) {
  return {
    cpu: mean(samples.map(({ cpu }) => cpu)),
    generatorCpu: mean(samples.map(({ generatorCpu }) => generatorCpu)),
    machineCpu: mean(samples.map(({ machineCpu }) => machineCpu)),
    commitP99: highest(samples.map(({ commitP99 }) => commitP99)),
    eventsPerCommit: mean(samples.map(({ eventsPerCommit }) => eventsPerCommit)),
    inFlight: highest(samples.map(({ inFlight }) => inFlight)),
    sheddingLevel: highest(samples.map(({ sheddingLevel }) => sheddingLevel)),
  };
}

/**
 * @param {Found} found
 * @param {(Climbed & Seen)[]} steps
 * @param {number} cores
 */
function sentence({ limit, rate, lastGoodRate }, steps, cores) {
  const last =
    lastGoodRate === null ? 'Not even the first step was carried.' : `${lastGoodRate} a second were carried.`;
  const step = rate === null ? steps.at(-1) : steps.find((one) => one.rate === rate);
  if (step === undefined) return last;
  const use = `the server used ${cpuText(step.cpu)} and the load generator ${cpuText(step.generatorCpu)} of ${cores} cores`;
  if (rate === null) return `${last} The ladder ended there; ${use}.`;
  return (
    `${last} ${cause(step, limit, cores)}: ${use}; p99 of a commit was ${numberText(step.commitP99, 'ms')} ` +
    `with ${numberText(step.eventsPerCommit, 'sales')} in one, and ${numberText(step.inFlight, 'commands')} were in flight.`
  );
}

/**
 * What gave way first, by what was at its end; the machine last, because it is full whenever anything on it
 * works as hard as it can.
 * @param {Climbed & Seen} step
 * @param {number} limit
 * @param {number} cores
 */
function cause(step, limit, cores) {
  if ((step.sheddingLevel ?? 0) > 0) return 'The server turned requests away because of its load';
  if ((step.inFlight ?? 0) >= IN_FLIGHT_NEAR_BOUND) return 'The bound of commands in flight was reached';
  if ((step.commitP99 ?? 0) >= SLOW_COMMITS * limit) return 'Commits of the journal became slow';
  if ((step.machineCpu ?? 0) >= FULL) {
    const users = [
      { who: 'the server', used: step.cpu ?? 0 },
      { who: 'the load generator', used: step.generatorCpu ?? 0 },
      {
        who: 'something else on this machine',
        used: (step.machineCpu ?? 0) * cores - (step.cpu ?? 0) - (step.generatorCpu ?? 0),
      },
    ];
    const most = users.reduce((one, other) => (other.used > one.used ? other : one));
    return `The processor was full, and ${most.who} used most of it`;
  }
  if (step.neverCame > 0) return 'The load generator could not send more';
  return 'Nothing that was watched was at its end';
}

/** @param {number|null} value */
const cpuText = (value) => (value === null ? 'an unknown part' : value.toFixed(1));

/** @param {number|null} value @param {string} unit */
const numberText = (value, unit) => (value === null ? 'unknown' : `${Math.round(value)} ${unit}`);

/** @param {(number|null)[]} values */
function mean(values) {
  const known = values.filter((value) => value !== null);
  return known.length === 0
    ? null
    : Math.round((known.reduce((sum, value) => sum + value, 0) / known.length) * 1000) / 1000;
}

/** @param {(number|null)[]} values */
function highest(values) {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
