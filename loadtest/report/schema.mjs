// Schema: what result.json and suite.json look like, as types and as a check of what was read.

/** @typedef {{ name: string, passed: boolean, expected?: string | number | null, actual?: string | number | null, why?: string | null }} Check */
/** @typedef {{ passed: boolean, checks: Check[] }} Verdict */
/** @typedef {{ at: number, what: string, recoveredAfterSeconds?: number | null }} Fault */
/** @typedef {{ count: number, mean?: number | null, p50?: number | null, p90?: number | null, p95?: number | null, p99?: number | null, max?: number | null }} Latency */
/** @typedef {(number | null)[]} Column one entry a step, null where nothing happened */
/** @typedef {{ productId: number | string, available: number, held?: number | null, sold?: number | null }} Stock */
/** @typedef {{ rate: number, achieved?: number | null, p50?: number | null, p99?: number | null, errors?: number | null, neverCame?: number | null, cpu?: number | null, generatorCpu?: number | null, machineCpu?: number | null, commitP99?: number | null, purchaseP99?: number | null }} Step */
/** @typedef {Record<string, number>} Counts */

/**
 * @typedef {object} Totals
 * @property {number} arrivals
 * @property {number} successes
 * @property {number} unitsSold
 * @property {Counts} refusals by code
 * @property {Counts} errors by kind
 * @property {number} [repeats]
 * @property {number} [requests]
 * @property {number | null} [goodputUntilSoldOutPerSecond] successes; null: too few to say
 * @property {number | null} [unitsUntilSoldOutPerSecond]
 * @property {number | null} [soldOutAfterSeconds]
 */

/**
 * @typedef {object} Series
 * @property {number} stepSeconds
 * @property {Column} [arrivals]
 * @property {Column} [successes]
 * @property {Record<string, Column>} [refusals] by code
 * @property {Column} [errors]
 * @property {Column} [repeats]
 * @property {Record<string, Column>} [successLatency] by percentile
 * @property {Record<string, Column>} [refusalLatency]
 * Further fields that end in Latency are latencies of other answers.
 */

/**
 * @typedef {object} Sample
 * @property {number} at seconds since the start
 * @property {Stock[]} [stock]
 * @property {number | null} [cpu] cores
 * @property {number | null} [memoryBytes]
 * @property {number | null} [openFiles]
 * @property {number | null} [commitsPerSecond]
 * @property {number | null} [eventsPerCommit]
 * @property {number | null} [commitP99]
 * @property {number | null} [purchaseP99] by the server's own clock
 * @property {number | null} [projectionLagSeconds]
 * @property {number | null} [queueDepth]
 * @property {number | null} [inFlight]
 * @property {number | null} [generatorCpu] cores that the load generator used
 * @property {number | null} [machineCpu] share of all cores, 0 to 1
 * @property {number | null} [dataBytes] what the server keeps on disk
 * @property {number | null} [connections]
 */

/**
 * @typedef {object} Machine the one of the load generator
 * @property {string} [cpu]
 * @property {number} [cores]
 * @property {number} [memoryBytes]
 * @property {string} [system]
 * @property {boolean} [loadGeneratorOnSameMachine]
 * @property {string | null} [fileSystem] of the stores
 * @property {number | null} [coresUsedByOthers] than the server and the load generator
 */

/**
 * @typedef {object} BreakingPoint
 * @property {number | null} [rate] null: nothing gave way
 * @property {string | null} [what]
 * @property {string | null} [gaveWay]
 * @property {number | null} [lastGoodRate]
 * @property {boolean | null} [generatorFirst] the load generator gave way before the server
 * @property {Step[]} steps
 */

/**
 * @typedef {object} Result
 * @property {1} schema
 * @property {string} scenario
 * @property {string} [title]
 * @property {string | null} [text] what the scenario is, in a sentence
 * @property {string} tool
 * @property {string} startedAt
 * @property {number} seconds
 * @property {string} size
 * @property {Record<string, unknown> | null} [load]
 * @property {string} topology
 * @property {string} fault
 * @property {Fault[] | null} [faults]
 * @property {boolean} limiter
 * @property {Machine | null} [machine]
 * @property {Record<string, unknown> | null} [server]
 * @property {Verdict} verdict
 * @property {string | null} [expectation]
 * @property {{ text: string, system?: string | null } | null} [published]
 * @property {Totals} totals
 * @property {Record<string, Latency | null> | null} [latency]
 * @property {Series | null} [series]
 * @property {Sample[] | null} [samples]
 * @property {BreakingPoint | null} [breakingPoint]
 */

/** @typedef {{ schema: 1, startedAt: string, seconds: number, runs: string[],
 *   failed?: { scenario: string, why: string }[] | null, passed: boolean }} Suite `failed`: what could not be run */

/** @typedef {(value: unknown, path: string) => string | null} Rule says what is wrong, or null */

/**
 * @param {string} words what it must be
 * @param {(value: unknown) => boolean} holds
 * @returns {Rule}
 */
const must = (words, holds) => (value, path) =>
  holds(value) ? null : value === undefined ? `${path} is missing` : `${path} is not ${words}`;

const text = must('text', (value) => typeof value === 'string');
const number = must('a number', (value) => typeof value === 'number' && Number.isFinite(value));
const positive = must('a number above 0', (value) => typeof value === 'number' && value > 0);
const flag = must('true or false', (value) => typeof value === 'boolean');
const word = must('text or a number', (value) => ['string', 'number'].includes(typeof value));
const map = must('an object', (value) => typeof value === 'object' && value !== null && !Array.isArray(value));
const array = must('a list', Array.isArray);

/** @type {(rule: Rule) => Rule} */
const optional = (rule) => (value, path) => (value === undefined || value === null ? null : rule(value, path));

/** @type {(rule: Rule) => Rule} */
const list = (rule) => (value, path) => {
  if (!Array.isArray(value)) return array(value, path);
  for (const [place, entry] of value.entries()) {
    const wrong = rule(entry, `${path}[${place}]`);
    if (wrong) return wrong;
  }
  return null;
};

/** @type {(rule: Rule) => Rule} */
const each = (rule) => (value, path) => {
  const wrong = map(value, path);
  if (wrong) return wrong;
  for (const [name, entry] of Object.entries(/** @type {object} */ (value))) {
    const inner = rule(entry, `${path}.${name}`);
    if (inner) return inner;
  }
  return null;
};

/** Other fields are allowed: the schema may grow. @type {(rules: Record<string, Rule>) => Rule} */
const shape = (rules) => (value, path) => {
  const wrong = map(value, path || 'the document');
  if (wrong) return wrong;
  for (const [name, rule] of Object.entries(rules)) {
    const inner = rule(/** @type {any} */ (value)[name], path ? `${path}.${name}` : name);
    if (inner) return inner;
  }
  return null;
};

const column = optional(list(optional(number)));
const percentiles = { count: number, mean: optional(number), p50: optional(number), p90: optional(number), p95: optional(number), p99: optional(number), max: optional(number) };
const gauges = ['cpu', 'memoryBytes', 'openFiles', 'commitsPerSecond', 'eventsPerCommit', 'commitP99', 'purchaseP99', 'projectionLagSeconds', 'queueDepth', 'inFlight', 'generatorCpu', 'machineCpu', 'dataBytes', 'connections'];
const sample = {
  at: number,
  stock: optional(list(shape({ productId: word, available: number, held: optional(number), sold: optional(number) }))),
  ...Object.fromEntries(gauges.map((name) => [name, optional(number)])),
};
const series = {
  stepSeconds: positive,
  arrivals: column,
  successes: column,
  refusals: optional(each(column)),
  errors: column,
  repeats: column,
  successLatency: optional(each(column)),
  refusalLatency: optional(each(column)),
};
const totals = {
  arrivals: number,
  successes: number,
  unitsSold: number,
  refusals: each(number),
  errors: each(number),
  repeats: optional(number),
  requests: optional(number),
  goodputUntilSoldOutPerSecond: optional(number),
  unitsUntilSoldOutPerSecond: optional(number),
  soldOutAfterSeconds: optional(number),
};
const step = { rate: number, achieved: optional(number), p50: optional(number), p99: optional(number), errors: optional(number), neverCame: optional(number), cpu: optional(number), generatorCpu: optional(number), machineCpu: optional(number), commitP99: optional(number), purchaseP99: optional(number) };
const machine = { cpu: optional(text), cores: optional(number), memoryBytes: optional(number), system: optional(text), loadGeneratorOnSameMachine: optional(flag), fileSystem: optional(text), coresUsedByOthers: optional(number) };

/** @type {Rule} */
function otherLatencies(value, path) {
  const others = Object.entries(/** @type {object} */ (value)).filter(([name]) => name.endsWith('Latency'));
  return others.reduce((/** @type {string | null} */ wrong, [name, columns]) => wrong ?? optional(each(column))(columns, `${path}.${name}`), null);
}

/** What is wrong with a result, or null. */
export const resultFault = shape({
  scenario: text,
  title: optional(text),
  text: optional(text),
  tool: text,
  startedAt: text,
  seconds: number,
  size: text,
  load: optional(map),
  topology: text,
  fault: text,
  faults: optional(list(shape({ at: number, what: text, recoveredAfterSeconds: optional(number) }))),
  limiter: flag,
  machine: optional(shape(machine)),
  server: optional(map),
  verdict: shape({ passed: flag, checks: list(shape({ name: text, passed: flag, expected: optional(word), actual: optional(word), why: optional(text) })) }),
  expectation: optional(text),
  published: optional(shape({ text: text, system: optional(text) })),
  totals: shape(totals),
  latency: optional(each(optional(shape(percentiles)))),
  series: optional((value, path) => shape(series)(value, path) ?? otherLatencies(value, path)),
  samples: optional(list(shape(sample))),
  breakingPoint: optional(shape({ rate: optional(number), what: optional(text), gaveWay: optional(text), lastGoodRate: optional(number), generatorFirst: optional(flag), steps: list(shape(step)) })),
});

/** What is wrong with a suite, or null. */
export const suiteFault = shape({ startedAt: text, seconds: number, runs: list(text), failed: optional(list(shape({ scenario: text, why: text }))), passed: flag });
