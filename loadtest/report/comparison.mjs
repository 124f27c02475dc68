// Comparison: runs of two sides, matched by what was run, number by number. Pure but for the reading of files.

import { stat } from 'node:fs/promises';
import { metricsOf } from './metrics.mjs';
import { disturbance } from './disturbance.mjs';
import { loadWords } from './load.mjs';
import { judge, mean } from './noise.mjs';
import { InputError, readDocument, readRun, runsOf } from './result.mjs';
import { flattened } from './sections.mjs';
import { plain } from './text.mjs';

/** @typedef {import('./schema.mjs').Result} Result */
/** @typedef {import('./metrics.mjs').Metric} Metric */
/** @typedef {import('./noise.mjs').Judgement} Judgement */
/** @typedef {{ metric: Metric, a: number[], b: number[], change: number | null, judgement: Judgement }} Row change: a part of A */
/** @typedef {{ name: string, a: string, b: string }} Difference */
/** @typedef {{ title: string, a: Result[], b: Result[], rows: Row[], machine: Difference[], settings: Difference[], disturbed: string[] }} Comparison disturbed: sentences */
/** @typedef {{ comparisons: Comparison[], unmatched: string[] }} Outcome unmatched: sentences */

/** What must be the same in A and B, or their numbers mean different things. @type {[string, (result: Result) => unknown][]} */
const SAME = [
  ['scenario', ({ scenario }) => scenario],
  ['size', ({ size }) => size],
  ['topology', ({ topology }) => topology],
  ['limiter', ({ limiter }) => (limiter ? 'on' : 'off')],
  ['fault', ({ fault }) => fault],
  ['tool', ({ tool }) => tool],
  ['load', ({ load }) => loadWords(load)],
];

/** Settings that say where a server was, which is another place in each run; what matters of it is the topology. */
const PLACES = ['data_dir', 'server.listen', 'journal.url', 'database.url'];

/**
 * The runs of one side: paths with commas between them, each a run or a suite.
 * @param {string} argument
 * @returns {Promise<Result[]>}
 */
export async function readSide(argument) {
  const whole = await stat(argument).then(() => true, () => false);
  const paths = whole ? [argument] : argument.split(',').filter((path) => path !== '');
  if (paths.length === 0) throw new InputError('A side of the comparison is empty: give result folders, result.json files or suites.');
  const results = [];
  for (const path of paths) {
    const document = await readDocument(path);
    if (document.kind === 'run') results.push(document.result);
    else for (const file of runsOf(document)) results.push((await readRun(file)).result);
  }
  if (results.length === 0) throw new InputError(`${plain(argument)} has no runs: there is nothing to compare.`);
  return results;
}

/**
 * @param {Result[]} a
 * @param {Result[]} b
 * @param {number} part the bound of noise where repeats do not tell
 * @returns {Outcome}
 */
export function compare(a, b, part) {
  const ofA = grouped(a);
  const ofB = grouped(b);
  const comparisons = [];
  for (const [key, runs] of ofA) {
    const others = ofB.get(key);
    if (others) comparisons.push(compared(runs, others, part));
  }
  const onlyA = [...ofA].filter(([key]) => !ofB.has(key)).map(([, runs]) => runs);
  const onlyB = [...ofB].filter(([key]) => !ofA.has(key)).map(([, runs]) => runs);
  return { comparisons, unmatched: unmatchedWords(onlyA, onlyB, ofA.size === 1 && ofB.size === 1) };
}

/** @param {Result[]} results */
function grouped(results) {
  /** @type {Map<string, Result[]>} */
  const groups = new Map();
  for (const result of results) {
    const key = JSON.stringify(SAME.map(([, value]) => value(result)));
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  return groups;
}

/**
 * Says of every run without a partner what is different from the one that is nearest.
 * @param {Result[][]} onlyA
 * @param {Result[][]} onlyB
 * @param {boolean} single one kind of run on each side: they were meant for each other
 */
function unmatchedWords(onlyA, onlyB, single) {
  const left = [...onlyB];
  const words = onlyA.flatMap(([run]) => {
    if (!run) return [];
    const place = left.findIndex(([other]) => other && (single || other.scenario === run.scenario));
    const [other] = place >= 0 ? (left.splice(place, 1)[0] ?? []) : [];
    return other ? `${plain(run.scenario)} cannot be compared: ${differences(run, other)}.` : `B has no run of ${described(run)}.`;
  });
  return [...words, ...left.flatMap(([run]) => (run ? `A has no run of ${described(run)}.` : []))];
}

/** What a run was, as far as it must be the same. @param {Result} run */
function described(run) {
  const [, ...settings] = SAME.map(([name, value]) => `${name} ${plain(value(run))}`);
  return `${plain(run.scenario)} (${settings.join('; ')})`;
}

/**
 * @param {Result} a
 * @param {Result} b
 */
function differences(a, b) {
  const different = SAME.filter(([, value]) => value(a) !== value(b));
  return different.map(([name, value]) => `the ${name} is ${plain(value(a))} in A and ${plain(value(b))} in B`).join('; ');
}

/**
 * @param {Result[]} a repeats
 * @param {Result[]} b
 * @param {number} part
 * @returns {Comparison}
 */
function compared(a, b, part) {
  const [first, second] = [a[0], b[0]];
  const machine = different(machineOf(first), machineOf(second));
  const settings = different(settingsOf(first), settingsOf(second));
  const disturbed = [...disturbedRuns('A', a), ...disturbedRuns('B', b)];
  return { title: first?.title || first?.scenario || '', a, b, rows: rowsOf(a, b, part), machine, settings, disturbed };
}

/**
 * @param {string} side
 * @param {Result[]} runs
 */
function disturbedRuns(side, runs) {
  return runs.flatMap((run, place) => {
    const words = disturbance(run);
    return words === null ? [] : [`In ${runs.length > 1 ? `run ${place + 1} of ` : ''}${side} ${words}.`];
  });
}

/** @param {Result | undefined} result */
function settingsOf(result) {
  return Object.fromEntries(flattened(result?.server ?? {}, '').filter(([name]) => !PLACES.includes(name)));
}

/** @param {Result | undefined} result */
function machineOf(result) {
  const { cpu, cores, memoryBytes, system, fileSystem, loadGeneratorOnSameMachine: same } = result?.machine ?? {};
  return { cpu, cores, 'memory, bytes': memoryBytes, system, 'file system of the stores': fileSystem, 'load generator on the same machine': same };
}

/**
 * @param {Result[]} a
 * @param {Result[]} b
 * @param {number} part
 * @returns {Row[]}
 */
function rowsOf(a, b, part) {
  const metricsA = a.map(metricsOf);
  const metricsB = b.map(metricsOf);
  /** @type {Map<string, Metric>} */
  const all = new Map();
  for (const metric of [...metricsA, ...metricsB].flat()) if (!all.has(metric.name)) all.set(metric.name, metric);
  return [...all.values()].map((metric) => {
    const valuesA = valuesOf(metric, metricsA);
    const valuesB = valuesOf(metric, metricsB);
    const judgement = judge(metric, valuesA, valuesB, fewest(metric, [...metricsA, ...metricsB]), part);
    const base = valuesA.length > 0 ? mean(valuesA) : 0;
    const change = base !== 0 && valuesB.length > 0 ? (mean(valuesB) - base) / Math.abs(base) : null;
    return { metric, a: valuesA, b: valuesB, change, judgement };
  });
}

/**
 * @param {Metric} metric
 * @param {Metric[][]} runs
 */
function valuesOf({ name, exact }, runs) {
  return runs.flatMap((metrics) => {
    const found = metrics.find((metric) => metric.name === name);
    // A reason that is not listed has refused nobody.
    return found ? (found.value ?? []) : exact ? 0 : [];
  });
}

/**
 * The fewest values that a percentile comes from in any run that has it.
 * @param {Metric} metric
 * @param {Metric[][]} runs
 */
function fewest({ name }, runs) {
  const found = runs.flatMap((metrics) => metrics.filter((metric) => metric.name === name && metric.value !== null));
  return Math.min(Infinity, ...found.map(({ from }) => from ?? Infinity));
}

/**
 * @param {Record<string, unknown>} a
 * @param {Record<string, unknown>} b
 * @returns {Difference[]}
 */
function different(a, b) {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  const words = (/** @type {unknown} */ value) => (value === undefined || value === null ? '–' : String(value));
  return names.filter((name) => words(a[name]) !== words(b[name])).map((name) => ({ name, a: words(a[name]), b: words(b[name]) }));
}

/** @param {Comparison[]} comparisons */
export function regressionsOf(comparisons) {
  return comparisons.flatMap(({ title, rows }) => rows.filter(({ judgement }) => judgement.word === 'worse').map((row) => ({ title, row })));
}

/**
 * 0: nothing is worse; 1: something is; 2: something could not be compared, and nothing of the rest is worse.
 * @param {Outcome} outcome
 */
export function statusOf({ comparisons, unmatched }) {
  if (regressionsOf(comparisons).length > 0) return 1;
  return unmatched.length > 0 || comparisons.length === 0 ? 2 : 0;
}
