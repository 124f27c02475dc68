// What the customers of a run lived through, point by point as the generator measured it: totals, one
// entry a second, and latencies with exact percentiles.

/** @typedef {{count: number, mean: number, p50: number, p90: number, p95: number, p99: number, max: number}} Latency */
/** @typedef {Record<string, string>} Tags */
/** @typedef {{at: number, value: number}} Counted */

/** What was measured is called `KIND_latency`; these kinds are always told. */
const KINDS = ['success', 'refusal', 'accept', 'read'];
const LATENCY = '_latency';
/** From fewer sales a rate says when customers came, and nothing of the server. */
const SALES_OF_A_RATE = 100;

/** Counts in each second since the start. */
class Counts {
  constructor() {
    /** @type {number[]} */
    this.seconds = [];
    this.total = 0;
  }

  /** @param {number} second @param {number} value */
  add(second, value) {
    this.seconds[second] = (this.seconds[second] ?? 0) + value;
    this.total += value;
  }
}

export class Points {
  constructor() {
    /** When the first customer came, in milliseconds of the clock; null before. @type {number|null} */
    this.start = null;
    /** When the last point was measured. */
    this.end = 0;
    this.requests = 0;
    this.arrivals = new Counts();
    this.successes = new Counts();
    this.repeats = new Counts();
    /** @type {Map<string, Counts>} */
    this.refusals = new Map();
    /** @type {Map<string, Counts>} */
    this.errors = new Map();
    this.unitsSold = 0;
    this.lastSuccess = 0;
    /** By kind and second. @type {Map<string, number[][]>} */
    this.latencies = new Map(KINDS.map((kind) => [kind, []]));
    /** Units that customers came for and may have, by product. @type {Map<number, number>} */
    this.wanted = new Map();
    /** Refusals by product and code, where the points say so. @type {Map<number, Record<string, number>>} */
    this.refused = new Map();
  }

  /**
   * @param {string} metric
   * @param {number} at milliseconds of the clock
   * @param {number} value
   * @param {Tags} tags
   */
  add(metric, at, value, tags) {
    if (metric === 'arrivals' && this.start === null) this.start = at;
    if (this.start === null) return;
    this.end = Math.max(this.end, at);
    // The generator hands points on in bunches, so a few may be a moment older than the first.
    const second = Math.max(0, Math.floor((at - this.start) / 1000));
    const units = Number(tags.units ?? 1) * value;
    if (metric === 'arrivals') {
      this.arrivals.add(second, value);
      if (tags.product !== undefined) addTo(this.wanted, Number(tags.product), units);
      for (const [product, wanted] of linesOf(tags.lines)) addTo(this.wanted, product, wanted * value);
    } else if (metric === 'successes') {
      this.successes.add(second, value);
      this.unitsSold += units;
      this.lastSuccess = Math.max(this.lastSuccess, at);
    } else if (metric === 'repeats') {
      this.repeats.add(second, value);
    } else if (metric === 'refusals') {
      const code = tags.code ?? 'unknown';
      countIn(this.refusals, code).add(second, value);
      if (tags.product !== undefined) {
        const codes = this.refused.get(Number(tags.product)) ?? {};
        this.refused.set(Number(tags.product), codes);
        codes[code] = (codes[code] ?? 0) + value;
      }
    } else if (metric === 'errors') {
      countIn(this.errors, tags.kind ?? 'unknown').add(second, value);
    } else if (metric.endsWith(LATENCY)) {
      const kind = metric.slice(0, -LATENCY.length);
      const seconds = this.latencies.get(kind) ?? [];
      this.latencies.set(kind, seconds);
      (seconds[second] ??= []).push(value);
    }
  }

  /** How long customers came and were answered. */
  get seconds() {
    return this.start === null ? 0 : (this.end - this.start) / 1000;
  }

  get errorsTotal() {
    return [...this.errors.values()].reduce((sum, counts) => sum + counts.total, 0);
  }

  /**
   * Totals in the form of result.json.
   * @param {boolean} soldOut whether the whole stock was sold
   */
  totals(soldOut) {
    const until = this.start === null ? 0 : (this.lastSuccess - this.start) / 1000;
    const selling = Math.max(soldOut ? until : this.seconds, 0.001);
    const rated = this.successes.total >= SALES_OF_A_RATE;
    return {
      arrivals: this.arrivals.total,
      successes: this.successes.total,
      unitsSold: this.unitsSold,
      refusals: totalsOf(this.refusals),
      errors: totalsOf(this.errors),
      repeats: this.repeats.total,
      // Only k6 tells of each request.
      requests: this.requests === 0 ? null : this.requests,
      goodputUntilSoldOutPerSecond: rated ? round(this.successes.total / selling) : null,
      unitsUntilSoldOutPerSecond: rated ? round(this.unitsSold / selling) : null,
      soldOutAfterSeconds: soldOut && this.unitsSold > 0 ? round(until) : null,
    };
  }

  /** @returns {Record<string, Latency|null>} */
  latency() {
    return Object.fromEntries([...this.latencies].map(([kind, seconds]) => [kind, latencyOf(seconds.flat())]));
  }

  /** One entry a second; null where nothing happened. */
  series() {
    const length = this.start === null ? 0 : Math.floor(this.seconds) + 1;
    const errors = new Counts();
    for (const counts of this.errors.values()) {
      counts.seconds.forEach((value, second) => errors.add(second, value));
    }
    return {
      stepSeconds: 1,
      arrivals: filled(this.arrivals.seconds, length),
      successes: filled(this.successes.seconds, length),
      refusals: Object.fromEntries([...this.refusals].map(([code, { seconds }]) => [code, filled(seconds, length)])),
      errors: filled(errors.seconds, length),
      repeats: filled(this.repeats.seconds, length),
      ...Object.fromEntries(
        [...this.latencies].map(([kind, seconds]) => [`${kind}Latency`, percentiles(seconds, length)]),
      ),
    };
  }
}

/**
 * Reads points as k6 writes them with `--out csv`, with times in microseconds.
 * @param {Points} points
 * @param {AsyncIterable<string>} lines
 */
export async function readCsv(points, lines) {
  // As artillery's processor writes them; k6 says with a first line where they are.
  let [timeColumn, valueColumn, tagsColumn] = [1, 2, 3];
  for await (const line of lines) {
    // Most lines are k6's own measurements of every request, of which the number is enough.
    if (line.startsWith('http_')) {
      if (line.startsWith('http_reqs,') && points.start !== null) points.requests += 1;
      continue;
    }
    if (line.startsWith('metric_name,')) {
      const columns = line.split(',');
      timeColumn = columns.indexOf('timestamp');
      valueColumn = columns.indexOf('metric_value');
      tagsColumn = columns.indexOf('extra_tags');
      continue;
    }
    const fields = line.includes('"') ? quotedFields(line) : line.split(',');
    const metric = fields[0] ?? '';
    if (!COUNTERS.has(metric) && !metric.endsWith(LATENCY)) continue;
    points.add(
      metric,
      Number(fields[timeColumn]) / 1000,
      Number(fields[valueColumn]),
      tagsOf(fields[tagsColumn] ?? ''),
    );
  }
}

const COUNTERS = new Set(['arrivals', 'successes', 'refusals', 'errors', 'repeats']);

/** @param {string} line */
function quotedFields(line) {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  );
}

/** @param {string} text such as `code=sold-out&product=1` @returns {Tags} */
function tagsOf(text) {
  /** @type {Tags} */
  const tags = {};
  if (text === '') return tags;
  for (const pair of text.split('&')) {
    const at = pair.indexOf('=');
    tags[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return tags;
}

/**
 * Percentiles are measured values: the smallest that so many per cent do not exceed.
 * @param {number[]} values
 * @returns {Latency|null}
 */
export function latencyOf(values) {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  const at = (/** @type {number} */ share) => round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0);
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  return {
    count: sorted.length,
    mean: round(mean),
    p50: at(0.5),
    p90: at(0.9),
    p95: at(0.95),
    p99: at(0.99),
    max: at(1),
  };
}

/** @param {number[][]} seconds @param {number} length */
function percentiles(seconds, length) {
  const each = Array.from({ length }, (_, second) => latencyOf(seconds[second] ?? []));
  return {
    p50: each.map((latency) => latency?.p50 ?? null),
    p95: each.map((latency) => latency?.p95 ?? null),
    p99: each.map((latency) => latency?.p99 ?? null),
  };
}

/** @param {number[]} seconds @param {number} length */
function filled(seconds, length) {
  return Array.from({ length }, (_, second) => seconds[second] ?? null);
}

/** @param {Map<string, Counts>} map @param {string} name */
function countIn(map, name) {
  const found = map.get(name) ?? new Counts();
  map.set(name, found);
  return found;
}

/** @param {Map<string, Counts>} map @returns {Record<string, number>} */
function totalsOf(map) {
  return Object.fromEntries([...map].map(([name, { total }]) => [name, total]));
}

/**
 * Products and units of an order of several.
 * @param {string|undefined} text such as `3:1+7:2`
 */
function linesOf(text) {
  if (text === undefined) return [];
  return text.split('+').map((line) => /** @type {[number, number]} */ (line.split(':').map(Number)));
}

/** @param {Map<number, number>} map @param {number} key @param {number} value */
function addTo(map, key, value) {
  map.set(key, (map.get(key) ?? 0) + value);
}

/** @param {number} value to three decimals */
export function round(value) {
  return Math.round(value * 1000) / 1000;
}
