// Result: reads result.json and suite.json, and refuses what a report of it could only guess at.

import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { resultFault, suiteFault } from './schema.mjs';
import { plain } from './text.mjs';

/** @typedef {import('./schema.mjs').Result} Result */
/** @typedef {import('./schema.mjs').Suite} Suite */
/** @typedef {{ kind: 'run', file: string, result: Result }} RunDocument */
/** @typedef {{ kind: 'suite', file: string, suite: Suite }} SuiteDocument */

/** Something about the input that whoever gave it can mend: shown as one sentence, without a stack. */
export class InputError extends Error {}

const SCHEMA = 1;

/**
 * Reads a run or a suite: its folder or its file.
 * @param {string} path
 * @returns {Promise<RunDocument | SuiteDocument>}
 */
export async function readDocument(path) {
  const file = await fileOf(path);
  const document = parse(await textOf(file), file);
  if (document.schema !== SCHEMA) {
    const words = document.schema === undefined ? 'has no "schema", so it is no result of a load test' : `has schema ${JSON.stringify(document.schema)}`;
    throw new InputError(`${plain(file)} ${plain(words)}: this program reads schema ${SCHEMA}.`);
  }
  const isSuite = Array.isArray(document.runs);
  const wrong = isSuite ? suiteFault(document, '') : resultFault(document, '');
  const name = isSuite ? 'suite' : 'result';
  if (wrong) throw new InputError(`${plain(file)} is not a complete ${name}: ${plain(wrong)}; run the load test again.`);
  return isSuite
    ? { kind: 'suite', file, suite: /** @type {any} */ (document) }
    : { kind: 'run', file, result: ordered(/** @type {any} */ (document)) };
}

/** @param {string} path */
export async function readRun(path) {
  const document = await readDocument(path);
  if (document.kind === 'run') return document;
  throw new InputError(`${plain(document.file)} is a suite: give the result.json of one run.`);
}

/** @param {string} path */
export async function readSuite(path) {
  const document = await readDocument(path);
  if (document.kind === 'suite') return document;
  throw new InputError(`${plain(document.file)} is one run: give the suite.json of a suite.`);
}

/**
 * The files of a suite's runs; their paths are relative to the suite's own folder.
 * @param {SuiteDocument} document
 */
export function runsOf({ file, suite }) {
  return suite.runs.map((run) => resolve(dirname(file), run));
}

/**
 * Passed means: the verdict says so, and so does each of its checks, and there is one.
 * @param {Result} result
 */
export function passed({ verdict }) {
  return verdict.passed && verdict.checks.length > 0 && verdict.checks.every((check) => check.passed);
}

/** @param {import('./schema.mjs').Counts} counts */
export function sum(counts) {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

/** @param {string} path */
async function fileOf(path) {
  const status = await stat(path).catch(() => null);
  if (!status) {
    throw new InputError(`${plain(path)} does not exist: give the folder of a run, its result.json, or a suite.json.`);
  }
  if (!status.isDirectory()) return path;
  for (const name of ['result.json', 'suite.json']) {
    if (await stat(join(path, name)).catch(() => null)) return join(path, name);
  }
  throw new InputError(`${plain(path)} has neither a result.json nor a suite.json: the run has not ended, or was stopped.`);
}

/** @param {string} file */
async function textOf(file) {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new InputError(`${plain(file)} cannot be read (${/** @type {any} */ (error).code}): check its permissions.`);
  }
}

/**
 * @param {string} text
 * @param {string} file
 * @returns {Record<string, unknown>}
 */
function parse(text, file) {
  let document;
  try {
    document = JSON.parse(text);
  } catch {
    throw new InputError(`${plain(file)} is no complete JSON: the run was stopped while it was written; run it again.`);
  }
  if (typeof document === 'object' && document !== null && !Array.isArray(document)) return document;
  throw new InputError(`${plain(file)} is no result of a load test: it holds no JSON object.`);
}

/**
 * Samples in the order of time, which the charts rely on.
 * @param {Result} result
 * @returns {Result}
 */
function ordered(result) {
  return { ...result, samples: [...(result.samples ?? [])].sort((one, other) => one.at - other.at) };
}
