// Runs a scenario's artillery script. Artillery adds its numbers up over ten seconds, so the script's
// processor writes its points into POINTS_FILE as k6 does: lines of
// `metric_name,timestamp,metric_value,extra_tags` with times in microseconds.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { overridesOf } from '../artillery/overrides.mjs';
import { CannotRun } from './failure.mjs';
import { pipeOf, startGenerator } from './generator.mjs';
import { LOADTEST, findArtillery } from './install.mjs';

/** What artillery says when a condition of `ensure` was not met: the run itself was complete. */
const CONDITIONS_MISSED = 1;

/**
 * @param {import('./generator.mjs').Load} load
 * @returns {Promise<import('./generator.mjs').Generator>}
 */
export async function startArtillery(load) {
  const script = path.join(LOADTEST, 'artillery', `${load.scenario}.yml`);
  if (!existsSync(script))
    throw new CannotRun(`there is no artillery script for ${load.scenario} in loadtest/artillery`);
  const environment = {
    ...load.environment,
    POINTS_FILE: pipeOf(load),
    // Where the processor counts for itself.
    LOADTEST_FOLDER: load.scratch,
    ARTILLERY_DISABLE_TELEMETRY: 'true',
  };
  // The load that the environment asks for, in place of the one that is written in the script.
  const overrides = JSON.stringify(overridesOf(load.scenario, { ...process.env, ...environment }));
  const parameters = ['run', '--quiet', '--overrides', overrides, script];
  return startGenerator(load, await findArtillery(), parameters, environment, [0, CONDITIONS_MISSED]);
}
