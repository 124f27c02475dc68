// Reads the text of GET /metrics, and tells from two readings what happened between them.

/** @typedef {Map<string, number>} Reading series, written as in the text, to their values */

/** @param {string} text @returns {Reading} */
export function read(text) {
  const reading = new Map();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const at = line.lastIndexOf(' ');
    const value = Number(line.slice(at + 1));
    if (at > 0 && !Number.isNaN(value)) reading.set(line.slice(0, at), value);
  }
  return reading;
}

/**
 * The sum of all series of one name.
 * @param {Reading} reading
 * @param {string} name
 * @returns {number|null} null where there is none
 */
export function sum(reading, name) {
  let total = null;
  for (const [series, value] of reading) {
    if (series === name || series.startsWith(`${name}{`)) total = (total ?? 0) + value;
  }
  return total;
}

/**
 * How much a counter has grown; null after a restart of the server, which begins at 0 again.
 * @param {Reading} before
 * @param {Reading} after
 * @param {string} name
 */
export function growth(before, after, name) {
  const [one, other] = [sum(before, name), sum(after, name)];
  if (one === null || other === null || other < one) return null;
  return other - one;
}

/**
 * A quantile of what a histogram counted between two readings, within its bucket by straight line.
 * @param {Reading} before
 * @param {Reading} after
 * @param {string} name
 * @param {number} quantile
 * @param {string[]} labels that a series must have, written as in the text; without, there must be one series
 * @returns {number|null} null where nothing was counted
 */
export function quantileBetween(before, after, name, quantile, labels = []) {
  const buckets = [];
  for (const [series, value] of after) {
    const isMeant = series.startsWith(`${name}_bucket{`) && labels.every((label) => series.includes(label));
    const match = isMeant ? /le="([^"]+)"/.exec(series) : null;
    if (match?.[1] === undefined) continue;
    const le = match[1] === '+Inf' ? Infinity : Number(match[1]);
    buckets.push({ le, count: value - (before.get(series) ?? 0) });
  }
  buckets.sort((one, other) => one.le - other.le);
  const total = buckets.at(-1)?.count ?? 0;
  if (total <= 0 || buckets.some(({ count }) => count < 0)) return null;
  const rank = quantile * total;
  let low = { le: 0, count: 0 };
  for (const bucket of buckets) {
    if (bucket.count >= rank) {
      if (bucket.le === Infinity) return low.le;
      const share = (rank - low.count) / (bucket.count - low.count);
      return low.le + share * (bucket.le - low.le);
    }
    low = bucket;
  }
  return low.le;
}
