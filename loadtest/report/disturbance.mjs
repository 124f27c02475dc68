// Disturbance: what else was going on where a run was measured, and what that does to its numbers.

import { number } from './text.mjs';

/** @typedef {import('./schema.mjs').Result} Result */

/** Cores beside server and load generator from which on a run shares its machine with something else. */
const OTHERS_MAX = 0.7;

/**
 * A sentence where others took so much of the machine that latencies say little; null where not, or not known.
 * @param {{ machine?: Result['machine'], topology?: string }} result
 * @returns {string | null}
 */
export function disturbance({ machine, topology }) {
  const others = machine?.coresUsedByOthers;
  if (typeof others !== 'number' || others <= OTHERS_MAX) return null;
  const who = topology?.includes('postgres') ? 'Postgres and others' : 'something else';
  return `${who} used ${number(others, 1)} of ${number(machine?.cores)} cores: latencies say little`;
}
