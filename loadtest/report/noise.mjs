// Noise: whether two numbers differ by more than chance. From repeats where there are enough, else a stated bound.

/** @typedef {import('./metrics.mjs').Metric} Metric */

/**
 * @typedef {object} Judgement
 * @property {'better' | 'worse' | 'changed' | 'within noise' | 'not judged'} word
 * @property {number | null} bound the noise, in the unit of the metric
 * @property {boolean} repeats whether the noise comes from repeats
 * @property {string} why in a few words; empty where the word says it
 */

/** Percentiles of fewer values than this say more of chance than of the server. */
export const VALUES_MIN = 100;
/** Degrees of freedom from which repeats tell the noise; with fewer, nearly anything would be within it. */
const FREEDOM_MIN = 2;
/** Part of a measured number that is noise even if its repeats agree better than that. */
const PART_MIN = 0.01;
/** Student's t at 99 %, both sides, for 1 and more degrees of freedom. */
const STUDENT = [63.66, 9.92, 5.84, 4.6, 4.03, 3.71, 3.5, 3.36, 3.25, 3.17, 3.11, 3.05, 3.01, 2.98, 2.95, 2.92, 2.9, 2.88, 2.86, 2.85];
const STUDENT_BEYOND = 2.85;

/**
 * Judges B against A. Each has one value a repeat.
 * @param {Metric} metric what is the same in all: name, direction
 * @param {number[]} a
 * @param {number[]} b
 * @param {number} from the fewest values a percentile comes from; Infinity where it is none
 * @param {number} part the bound where repeats do not tell: 0.15 is 15 %
 * @returns {Judgement}
 */
export function judge(metric, a, b, from, part) {
  if (a.length === 0 && b.length === 0) return { word: 'not judged', bound: null, repeats: false, why: 'not measured' };
  if (a.length === 0 || b.length === 0) return { word: 'not judged', bound: null, repeats: false, why: `not measured in ${a.length === 0 ? 'A' : 'B'}` };
  const { bound, repeats } = noise(metric, a, b, part);
  if (from < VALUES_MIN) {
    return { word: 'not judged', bound, repeats, why: from <= 1 ? 'one value' : `only ${from} values` };
  }
  const difference = mean(b) - mean(a);
  if (Math.abs(difference) <= bound) return { word: 'within noise', bound, repeats, why: '' };
  if (metric.better === 'neither') return { word: 'changed', bound, repeats, why: '' };
  return { word: difference > 0 === (metric.better === 'higher') ? 'better' : 'worse', bound, repeats, why: '' };
}

/**
 * How far the means may lie apart by chance.
 * @param {Metric} metric
 * @param {number[]} a
 * @param {number[]} b
 * @param {number} part
 */
function noise(metric, a, b, part) {
  if (metric.strict) return { bound: 0, repeats: false };
  const freedom = a.length + b.length - 2;
  if (freedom < FREEDOM_MIN) return { bound: Math.max(Math.abs(mean(a)) * part, metric.resolution ?? 0), repeats: false };
  const deviation = Math.sqrt((squares(a) + squares(b)) / freedom);
  const chance = (STUDENT[freedom - 1] ?? STUDENT_BEYOND) * deviation * Math.sqrt(1 / a.length + 1 / b.length);
  const least = metric.exact ? 0 : Math.abs(mean(a)) * PART_MIN;
  return { bound: Math.max(chance, least), repeats: true };
}

/** @param {number[]} values */
export function mean(values) {
  return values.reduce((total, value) => total + value, 0) / values.length;
}

/** The sum of squared distances from the mean. @param {number[]} values */
function squares(values) {
  const middle = mean(values);
  return values.reduce((total, value) => total + (value - middle) ** 2, 0);
}
