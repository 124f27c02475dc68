// Where it broke, and what gave way: the steps as the generator measured them, and beside them what the
// server, the generator and the machine were doing in the same seconds.

import { latencyOf } from './points.mjs';

/** @typedef {{rate: number, achieved: number|null, p50: number|null, p99: number|null, errors: number, neverCame: number}}
 *   Climbed a step as the script measured it */
/** @typedef {{limit: number, rate: number|null, lastGoodRate: number|null, what: string, steps: Climbed[]}} Found */
/** @typedef {import('./sampler.mjs').Sample} Sample */
/** @typedef {{cpu: number|null, generatorCpu: number|null, machineCpu: number|null, commitP99: number|null,
 *   purchaseP99: number|null, eventsPerCommit: number|null, inFlight: number|null,
 *   sheddingLevel: number|null}} Seen */
/** @typedef {{cores: number, isHere: boolean}} Machine the generator's; `isHere`: the server's too */

const number = new Intl.NumberFormat('en-US');

/** From this share of all cores on the machine has nothing left to give. */
const FULL = 0.9;
/** From this share of the limit on commits alone explain the wait. */
const SLOW_COMMITS = 0.5;

/**
 * @param {Found|null} found what the script says; null where the load is not raised
 * @param {number} duration seconds of each step
 * @param {Sample[]} samples `at` in seconds since the first customer
 * @param {number[][]} latencies of successes, by second since the first customer
 * @param {Machine} machine
 */
export function breakingPointOf(found, duration, samples, latencies, machine) {
  if (found === null) return null;
  const steps = found.steps.map((step, index) => {
    // The second in which a step begins still shows the one before it.
    const during = samples.filter(({ at }) => at >= index * duration + 1 && at < (index + 1) * duration + 0.5);
    // With a fault the script keeps no latencies of single steps.
    const measured = latencyOf(latencies.slice(index * duration, (index + 1) * duration).flat());
    const { p50, p99 } = { p50: step.p50 ?? measured?.p50 ?? null, p99: step.p99 ?? measured?.p99 ?? null };
    return { ...step, p50, p99, ...seen(during) };
  });
  const broken = steps.find(({ rate }) => rate === found.rate);
  return {
    rate: found.rate,
    lastGoodRate: found.lastGoodRate,
    limit: found.limit,
    what: found.what,
    generatorFirst: broken !== undefined && isGenerators(broken, machine),
    steps,
    gaveWay: sentence(found, steps, machine),
  };
}

/** @param {Sample[]} samples @returns {Seen} */
function seen(samples) {
  return {
    cpu: mean(samples.map(({ cpu }) => cpu)),
    generatorCpu: mean(samples.map(({ generatorCpu }) => generatorCpu)),
    machineCpu: mean(samples.map(({ machineCpu }) => machineCpu)),
    commitP99: highest(samples.map(({ commitP99 }) => commitP99)),
    purchaseP99: highest(samples.map(({ purchaseP99 }) => purchaseP99)),
    eventsPerCommit: mean(samples.map(({ eventsPerCommit }) => eventsPerCommit)),
    inFlight: highest(samples.map(({ inFlight }) => inFlight)),
    sheddingLevel: highest(samples.map(({ sheddingLevel }) => sheddingLevel)),
  };
}

/**
 * @param {Found} found
 * @param {(Climbed & Seen)[]} steps
 * @param {Machine} machine
 */
function sentence({ limit, rate, lastGoodRate }, steps, machine) {
  const last =
    lastGoodRate === null ? 'Not even the first step was carried.' : `${number.format(lastGoodRate)} a second were carried.`;
  const step = rate === null ? steps.at(-1) : steps.find((one) => one.rate === rate);
  if (step === undefined) return last;
  const use = useText(step, machine);
  if (rate === null) return `${last} The ladder ended there; ${use}.`;
  const bound =
    lastGoodRate === null
      ? 'this run says nothing of the server'
      : `${number.format(lastGoodRate)} a second are a lower bound of the server`;
  const first = isGenerators(step, machine)
    ? `The load generator gave way first, so ${bound}`
    : `${last} ${cause(step, limit, machine)}`;
  return (
    `${first}: ${use}. By the server's own clock p99 of purchases was ${numberText(step.purchaseP99, 'ms')} and of ` +
    `commits ${numberText(step.commitP99, 'ms')}, with ${numberText(step.eventsPerCommit, 'sales')} in one.`
  );
}

/** @param {Seen} step @param {Machine} machine */
function useText({ cpu, generatorCpu }, { cores, isHere }) {
  const generator = `the load generator ${cpuText(generatorCpu)} of ${cores} cores`;
  return isHere
    ? `the server used ${cpuText(cpu)} and ${generator}`
    : `the server used ${cpuText(cpu)} cores of its machine and ${generator} of its own`;
}

/**
 * Who used most of a machine that had nothing left; null while it had.
 * @param {Seen} step
 * @param {Machine} machine
 */
function mostUsedBy(step, { cores, isHere }) {
  const used = step.machineCpu ?? 0;
  if (used < FULL) return null;
  const [server, generator] = [isHere ? (step.cpu ?? 0) : 0, step.generatorCpu ?? 0];
  const others = used * cores - server - generator;
  if (generator > Math.max(server, others)) return 'generator';
  return server > others ? 'server' : 'others';
}

/**
 * Whether the number is one of the generator: it had the machine to itself, nearly, and measured its own waiting for
 * it. An error is none of its waiting.
 * @param {Climbed & Seen} step
 * @param {Machine} machine
 */
function isGenerators(step, machine) {
  return step.errors === 0 && mostUsedBy(step, machine) === 'generator';
}

/**
 * What gave way, by what was at its end; the machine last, because it is full whenever anything on it works as hard as
 * it can.
 * @param {Climbed & Seen} step
 * @param {number} limit
 * @param {Machine} machine
 */
function cause(step, limit, machine) {
  if ((step.sheddingLevel ?? 0) > 0) return 'The server turned requests away because of its load';
  if ((step.commitP99 ?? 0) >= SLOW_COMMITS * limit) return 'Commits of the journal became slow';
  const most = mostUsedBy(step, machine);
  if (most === 'server') return 'The processor was full, and the server used most of it';
  if (most === 'generator') return 'The processor was full, and the load generator used most of it';
  if (most === 'others') return 'The processor was full, and something else on this machine used most of it';
  // Each of them waits for one answer at a time: with all of them waiting, the answers were late.
  if (step.neverCame > 0) return 'All customers of the load generator were waiting for answers';
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
