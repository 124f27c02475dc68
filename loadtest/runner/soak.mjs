// The long run: which fault happens when, and whether memory, files and data grow as much as what is
// sold explains, and no more. Pure: schedule and checks.

/** @typedef {import('./sampler.mjs').Sample} Sample */
/** @typedef {import('./verdict.mjs').Check} Check */
/** @typedef {import('./faults.mjs').Planned} Planned */

/** Postgres of the tables stays away for this long. */
const AWAY_SECONDS = 30;
/** A process is watched from here on: before, caches and connections fill. */
const WARM_UP_SECONDS = 60;
/** Shorter lives say nothing about growth. */
const LIFE_SECONDS_MIN = 120;

const MEBIBYTE = 1 << 20;
const KIBIBYTE = 1 << 10;
/** What a customer leaves in memory for a day at most: orders, keys and limits of each product. */
const MEMORY_PER_CUSTOMER = 1 * KIBIBYTE;
/** What comes and goes with the load: buffers, batches, and what the allocator keeps. */
const MEMORY_SWING = 48 * MEBIBYTE;
/** Facts in the journal and their snapshots, for ever. */
const DATA_PER_CUSTOMER = 1 * KIBIBYTE;
/** The journal's write-ahead file and snapshots that are written anew. */
const DATA_SWING = 64 * MEBIBYTE;
/** Files that are neither connections of customers nor there from the start. */
const FILES_SWING = 32;

/**
 * In the first half one process lives through what its tables' Postgres does; in the second half it is
 * killed again and again.
 * @param {number} seconds
 * @param {number} everySeconds
 * @returns {Planned[]}
 */
export function schedule(seconds, everySeconds) {
  const planned = [];
  const last = seconds - AWAY_SECONDS - everySeconds / 2;
  for (let at = everySeconds, turn = 1; at <= last; at += everySeconds, turn += 1) {
    const isCalm = at <= seconds / 2;
    if (!isCalm && turn % 3 !== 0) planned.push({ atSeconds: at, what: /** @type {const} */ ('crash'), seconds: 0 });
    else if (!isCalm || turn % 2 === 1) {
      planned.push({ atSeconds: at, what: /** @type {const} */ ('database-away'), seconds: AWAY_SECONDS });
    }
  }
  return planned;
}

/**
 * @param {Sample[]} samples with times of the clock
 * @param {import('./points.mjs').Points} points
 * @returns {Check[]}
 */
export function growthChecks(samples, points) {
  const start = points.start ?? 0;
  const customers = (/** @type {number} */ from, /** @type {number} */ to) =>
    points.arrivals.seconds
      .slice(Math.max(0, Math.floor((from - start) / 1000)), Math.ceil((to - start) / 1000))
      .reduce((sum, count) => sum + (count ?? 0), 0);
  const lives = livesOf(samples);
  return [
    worst(
      'memory stays within what customers leave',
      lives,
      ({ memoryBytes }) => memoryBytes,
      (from, to) => MEMORY_SWING + MEMORY_PER_CUSTOMER * customers(from, to),
      `at most ${MEMORY_SWING / MEBIBYTE} MiB and ${MEMORY_PER_CUSTOMER / KIBIBYTE} KiB a customer more than after its warm-up`,
      'MiB',
      MEBIBYTE,
    ),
    worst(
      'open files stay within connections',
      lives,
      ({ openFiles, connections }) => (openFiles === null || connections === null ? null : openFiles - connections),
      () => FILES_SWING,
      `at most ${FILES_SWING} more than after its warm-up, connections apart`,
      'files',
      1,
    ),
    worst(
      'the data folder grows with what is sold',
      [samples.filter(({ at }) => at >= start + WARM_UP_SECONDS * 1000)],
      ({ dataBytes }) => dataBytes,
      (from, to) => DATA_SWING + DATA_PER_CUSTOMER * customers(from, to),
      `at most ${DATA_SWING / MEBIBYTE} MiB and ${DATA_PER_CUSTOMER / KIBIBYTE} KiB a customer`,
      'MiB',
      MEBIBYTE,
    ),
  ];
}

/**
 * The samples of each process, without its warm-up. A process that was killed ends where its processor time
 * cannot be compared.
 * @param {Sample[]} samples
 */
function livesOf(samples) {
  /** @type {Sample[][]} */
  const lives = [[]];
  for (const sample of samples) {
    if (sample.cpu === null) lives.push([]);
    else lives.at(-1)?.push(sample);
  }
  return lives
    .filter((life) => (life.at(-1)?.at ?? 0) - (life[0]?.at ?? 0) >= LIFE_SECONDS_MIN * 1000)
    .map((life) => life.filter(({ at }) => at >= (life[0]?.at ?? 0) + WARM_UP_SECONDS * 1000));
}

/**
 * The life in which a value grew most beyond its bound, between the medians of its first and last tenth.
 * @param {string} name
 * @param {Sample[][]} lives
 * @param {(sample: Sample) => number|null} value
 * @param {(from: number, to: number) => number} bound of the growth between two moments
 * @param {string} expected
 * @param {string} unit
 * @param {number} scale
 * @returns {Check}
 */
function worst(name, lives, value, bound, expected, unit, scale) {
  const growths = lives.flatMap((life) => {
    const known = life.flatMap((sample) => {
      const number = value(sample);
      return number === null ? [] : [{ at: sample.at, number }];
    });
    const tenth = Math.max(1, Math.floor(known.length / 10));
    const [first, last] = [known.slice(0, tenth), known.slice(-tenth)];
    const [from, to] = [first[0]?.at, last.at(-1)?.at];
    if (from === undefined || to === undefined || known.length < 2) return [];
    return [{ growth: median(last) - median(first), bound: bound(from, to), minutes: (to - from) / 60_000 }];
  });
  const most = growths.sort((one, other) => other.growth - other.bound - (one.growth - one.bound))[0];
  const text = (/** @type {number} */ number) => `${Math.round((number / scale) * 10) / 10} ${unit}`;
  return {
    name,
    passed: most !== undefined && most.growth <= most.bound,
    expected: most === undefined ? expected : `${expected}: ${text(most.bound)}`,
    actual:
      most === undefined
        ? 'no process lived long enough to tell: take more minutes'
        : `${text(most.growth)} more in ${Math.round(most.minutes)} minutes`,
    why: 'what grows without bound ends every server',
  };
}

/** @param {{number: number}[]} values */
function median(values) {
  const sorted = values.map(({ number }) => number).sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
