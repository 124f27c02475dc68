// Runs a scenario's k6 script.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { CannotRun } from './failure.mjs';
import { pipeOf, startGenerator } from './generator.mjs';
import { LOADTEST, findK6 } from './install.mjs';

/** What k6 says when a threshold of the script was crossed: the run itself was complete. */
const THRESHOLDS_CROSSED = 99;

/**
 * @param {import('./generator.mjs').Load} load
 * @returns {Promise<import('./generator.mjs').Generator>}
 */
export async function startK6(load) {
  const script = path.join(LOADTEST, 'k6', `${load.scenario}.js`);
  if (!existsSync(script)) throw new CannotRun(`there is no k6 script for ${load.scenario} in loadtest/k6`);
  const parameters = [
    'run',
    '--quiet',
    '--no-color',
    '--log-format',
    'raw',
    '--console-output',
    path.join(load.directory, 'acknowledged.txt'),
    '--out',
    `csv=${pipeOf(load)}`,
    script,
  ];
  const environment = {
    // Its garbage is collected half as often, for a tenth of its processor time: server and store want that more than memory.
    GOGC: process.env.GOGC ?? '400',
    ...load.environment,
    K6_CSV_TIME_FORMAT: 'unix_micro',
    K6_NO_USAGE_REPORT: 'true',
    // A fault at the beginning has to know soon that it is the beginning.
    K6_CSV_SAVE_INTERVAL: '200ms',
  };
  return startGenerator(load, await findK6(), parameters, environment, [0, THRESHOLDS_CROSSED]);
}
