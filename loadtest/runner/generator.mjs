// A load generator at work, whichever tool it is. Its points arrive through a named pipe while it runs,
// for the progress and without a file of a gigabyte; what customers were told goes to a file of its own at
// once, so that it is there whatever happens to the generator.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Child, output } from './child.mjs';
import { readCsv } from './points.mjs';

/** @typedef {{product: number, units: number, limit: number, demand: number|null}} Prepared a product as the script set
 *   it up; `demand`: units that customers will ask for, where that is known before */
/** @typedef {{complete: boolean, prepared: Prepared[], dropped: number, thresholds: {name: string, passed: boolean}[],
 *   summary: Record<string, any>}} Told what the generator said at its end */
/** @typedef {{scenario: string, directory: string, scratch: string, environment: Record<string, string>,
 *   points: import('./points.mjs').Points}} Load `directory`: of the results; `scratch`: for the pipe and whatever else
 *   nobody needs after the run */
/** @typedef {{pid: () => number|null, finished: Promise<Told>, stop: () => void}} Generator */

/** The pipe for the points. @param {Load} load */
export const pipeOf = ({ scratch }) => path.join(scratch, 'points.pipe');

/**
 * Starts the program, which writes its points to the pipe.
 * @param {Load} load
 * @param {string} program
 * @param {string[]} parameters
 * @param {Record<string, string>} environment
 * @param {number[]} complete exit statuses of a run that came to its end
 * @returns {Promise<Generator>}
 */
export async function startGenerator(load, program, parameters, environment, complete) {
  const { directory, scratch, points } = load;
  const pipe = pipeOf(load);
  const summary = path.join(scratch, 'summary.json');
  await output('mkfifo', [pipe]);
  // Held open here, the pipe ends with the generator, and not when one of its threads has nothing to write.
  const held = await open(pipe, 'r+');
  const reader = spawn('cat', [pipe], { stdio: ['ignore', 'pipe', 'inherit'] });
  const reading = readCsv(points, createInterface({ input: reader.stdout }));
  const child = new Child(program, parameters, {
    env: { ...environment, SUMMARY_FILE: summary },
    log: path.join(directory, 'load.log'),
  });
  return {
    pid: () => (child.ended === null ? child.pid : null),
    stop: () => child.signal('SIGINT'),
    finished: (async () => {
      const { code } = await child.exit;
      await held.close();
      await reading;
      return { complete: code !== null && complete.includes(code), ...(await readSummary(summary)) };
    })(),
  };
}

/** @param {string} file */
async function readSummary(file) {
  if (!existsSync(file)) return told({});
  return told(JSON.parse(await readFile(file, 'utf8')));
}

/**
 * What matters of the script's summary.
 * @param {Record<string, any>} summary
 * @returns {Omit<Told, "complete">}
 */
export function told(summary) {
  const setup = summary.setup ?? {};
  const products = /** @type {Record<string, any>[]} */ (setup.products ?? []);
  const thresholds = /** @type {{metric: string, expression: string, ok: boolean}[]} */ (summary.thresholds ?? []);
  return {
    prepared: products.map(({ productId, units, limitPerCustomer, demand }) => ({
      product: productId,
      units,
      limit: limitPerCustomer ?? 0,
      demand: demand ?? null,
    })),
    dropped: summary.neverCame ?? 0,
    thresholds: thresholds.map(({ metric, expression, ok }) => ({ name: `${metric} ${expression}`, passed: ok })),
    summary,
  };
}
