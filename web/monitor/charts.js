// Charts: what is drawn of the samples, one description each. Pure: a sample in, values out.

/** @typedef {import('../shared/documents.js').Sample} Sample */

/**
 * @typedef {object} Series
 * @property {string} label
 * @property {(sample: Sample) => number | null} value
 */

/**
 * @typedef {object} Chart
 * @property {string} id
 * @property {string} title
 * @property {string} unit
 * @property {number} [digits] behind the point; none when left out
 * @property {Series[]} [series] always the same ones
 * @property {(samples: Sample[]) => Series[]} [found] those that the samples have
 */

/** Lines in one picture; more cannot be told apart. */
const LINES_MAX = 8;

/** @param {number | null | undefined} seconds */
const ms = (seconds) => (seconds === null || seconds === undefined ? null : seconds * 1000);

/** @type {Chart[]} */
export const CHARTS = [
  {
    id: 'purchases',
    title: 'Purchases',
    unit: 'per second',
    digits: 1,
    series: [
      { label: 'sold', value: (sample) => sample.purchases.soldPerSecond },
      { label: 'refused', value: (sample) => sample.purchases.refusedPerSecond },
    ],
  },
  { id: 'results', title: 'Refusals by reason', unit: 'per second', digits: 1, found: reasons },
  {
    id: 'success',
    title: 'Latency of success',
    unit: 'ms',
    digits: 1,
    series: quantiles((sample) => sample.latency.success),
  },
  {
    id: 'refusal',
    title: 'Latency of refusals',
    unit: 'ms',
    digits: 1,
    series: quantiles((sample) => sample.latency.refusal),
  },
  { id: 'stock', title: 'Stock of running sales', unit: 'units available', found: products },
  {
    id: 'waiting',
    title: 'Holds and queue',
    unit: '',
    series: [
      { label: 'holds', value: (sample) => sample.holds },
      { label: 'in the queue', value: (sample) => sample.queue.depth },
    ],
  },
  {
    id: 'commit',
    title: 'Journal: one commit',
    unit: 'ms',
    digits: 1,
    series: [
      { label: 'p50', value: (sample) => ms(sample.journal.commit.p50) },
      { label: 'p99', value: (sample) => ms(sample.journal.commit.p99) },
    ],
  },
  {
    id: 'batch',
    title: 'Journal: facts in one commit',
    unit: 'facts',
    digits: 1,
    series: [{ label: 'facts', value: (sample) => sample.journal.eventsPerCommit }],
  },
  {
    id: 'lag',
    title: 'Query tables behind the journal',
    unit: 's',
    digits: 2,
    series: [{ label: 'behind', value: (sample) => sample.projection.lagSeconds }],
  },
  {
    id: 'requests',
    title: 'Requests',
    unit: 'per second',
    digits: 1,
    series: [
      { label: 'all', value: (sample) => sample.requests.perSecond },
      { label: 'failures of the server', value: (sample) => sample.requests.errorsPerSecond },
    ],
  },
  {
    id: 'clients',
    title: 'Connected clients',
    unit: '',
    series: [
      { label: 'live', value: (sample) => sample.live.clients },
      { label: 'connections', value: (sample) => sample.connections },
    ],
  },
  {
    id: 'cpu',
    title: 'CPU',
    unit: 'cores',
    digits: 2,
    series: [{ label: 'used', value: (sample) => sample.process.cpu }],
  },
  {
    id: 'memory',
    title: 'Memory',
    unit: 'MiB',
    series: [{ label: 'used', value: (sample) => megabytes(sample.process.memoryBytes) }],
  },
];

/** @param {number | null} bytes */
function megabytes(bytes) {
  return bytes === null ? null : bytes / 2 ** 20;
}

/**
 * @param {(sample: Sample) => import('../shared/documents.js').Quantiles} of
 * @returns {Series[]}
 */
function quantiles(of) {
  return [
    { label: 'p50', value: (sample) => ms(of(sample).p50) },
    { label: 'p95', value: (sample) => ms(of(sample).p95) },
    { label: 'p99', value: (sample) => ms(of(sample).p99) },
  ];
}

/** What is no refusal among the results. */
const TAKEN = ['sold', 'queued', 'replayed'];

/**
 * @param {Sample[]} samples
 * @returns {Series[]}
 */
function reasons(samples) {
  /** @type {Map<string, number>} */
  const sums = new Map();
  for (const [name, rate] of samples.flatMap((sample) => Object.entries(sample.purchases.byResult))) {
    if (!TAKEN.includes(name)) sums.set(name, (sums.get(name) ?? 0) + rate);
  }
  const names = [...sums].sort(([, one], [, other]) => other - one).map(([name]) => name);
  const count = names.length > LINES_MAX ? LINES_MAX - 1 : LINES_MAX;
  const rest = names.splice(count);
  // The greatest ones, but by name: a line keeps its colour while another one passes it.
  const series = names.sort().map((label) => rates(label, [label]));
  return rest.length > 0 ? [...series, rates('other', rest)] : series;
}

/**
 * @param {string} label
 * @param {string[]} names
 * @returns {Series}
 */
function rates(label, names) {
  const rate = (/** @type {Sample} */ sample, /** @type {string} */ name) => sample.purchases.byResult[name] ?? 0;
  return { label, value: (sample) => names.reduce((sum, name) => sum + rate(sample, name), 0) };
}

/**
 * @param {Sample[]} samples
 * @returns {Series[]}
 */
function products(samples) {
  const ids = new Set(samples.flatMap((sample) => sample.stock.map((stock) => stock.productId)));
  return [...ids].slice(-LINES_MAX).map((id) => ({
    label: `product ${id}`,
    value: (sample) => sample.stock.find((stock) => stock.productId === id)?.available ?? null,
  }));
}

/** What the table says, line by line. */
/** @type {[string, (sample: Sample) => string][]} */
export const NUMBERS = [
  ['Purchases a second', (sample) => number(sample.purchases.perSecond, 1)],
  ['Units sold a second', (sample) => number(sample.purchases.soldPerSecond, 1)],
  ['Purchases refused a second', (sample) => number(sample.purchases.refusedPerSecond, 1)],
  ['Refusals by reason', (sample) => byReason(sample)],
  ['Latency of success, p50 / p95 / p99', (sample) => latency(sample.latency.success)],
  ['Latency of refusals, p50 / p95 / p99', (sample) => latency(sample.latency.refusal)],
  ['Holds', (sample) => number(sample.holds, 0)],
  ['Purchases in the queue', (sample) => number(sample.queue.depth, 0)],
  ['Oldest in the queue', (sample) => `${number(sample.queue.oldestAgeSeconds, 1)} s`],
  ['Query tables behind the journal', (sample) => `${number(sample.projection.lagSeconds, 2)} s (${sample.projection.state})`],
  ['Journal commits a second', (sample) => `${number(sample.journal.commitsPerSecond, 1)} (${sample.journal.state})`],
  ['One commit, p50 / p99', ({ journal: { commit } }) => `${number(ms(commit.p50), 1)} / ${number(ms(commit.p99), 1)} ms`],
  ['Facts in one commit', (sample) => number(sample.journal.eventsPerCommit, 1)],
  ['Requests a second', (sample) => number(sample.requests.perSecond, 1)],
  ['Failures of the server a second', (sample) => number(sample.requests.errorsPerSecond, 1)],
  ['Commands in flight', (sample) => number(sample.inFlight, 0)],
  ['Load shedding, 0 to 3', (sample) => number(sample.shedding, 0)],
  ['Live clients', (sample) => number(sample.live.clients, 0)],
  ['Live messages a second', (sample) => number(sample.live.messagesPerSecond, 1)],
  ['Connections', (sample) => number(sample.connections, 0)],
  ['CPU, cores used', (sample) => number(sample.process.cpu, 2)],
  ['Memory', (sample) => `${number(megabytes(sample.process.memoryBytes), 0)} MiB`],
  ['Open files', (sample) => number(sample.process.openFiles, 0)],
];

/**
 * A number for people; a dash where nothing happened.
 * @param {number | null | undefined} value
 * @param {number} digits
 */
export function number(value, digits) {
  if (value === null || value === undefined) return '–';
  // 0 is added so that nothing is shown as -0.
  return (value + 0).toLocaleString(undefined, { maximumFractionDigits: digits, minimumFractionDigits: digits });
}

/** @param {import('../shared/documents.js').Quantiles} quantiles */
function latency({ p50, p95, p99 }) {
  return `${[p50, p95, p99].map((value) => number(ms(value), 1)).join(' / ')} ms`;
}

/** @param {Sample} sample */
function byReason(sample) {
  const refusals = Object.entries(sample.purchases.byResult).filter(([name]) => !TAKEN.includes(name));
  return refusals.map(([name, rate]) => `${name} ${number(rate, 1)}`).join(', ') || '–';
}
