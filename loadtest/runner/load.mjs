// The load that is asked for: a size that cannot be is a refusal in one sentence.

import { loadOf } from '../scenarios.mjs';
import { CannotRun } from './failure.mjs';

/** @typedef {ReturnType<typeof loadOf>} Sized */

/**
 * @param {import('../scenarios.mjs').Scenario} scenario
 * @param {Record<string, string|undefined>} environment
 * @returns {Sized}
 */
export function sizedLoad(scenario, environment) {
  try {
    return loadOf(scenario, environment);
  } catch (error) {
    if (error instanceof RangeError) throw new CannotRun(`${scenario.name} cannot be run: ${error.message}`);
    throw error;
  }
}

/**
 * The load as the result tells it: all of it, because runs are compared by it.
 * @param {Sized} load
 */
export function toldLoad({ users, rate, duration, stock, accounts, stages, steps, latencyLimit }) {
  return { users, rate, duration, stock, accounts: accounts || null, stages, steps, latencyLimit };
}
