// Load: what a run was asked to do to the server, in words.

import { number } from './text.mjs';

/** @typedef {import('./schema.mjs').Result} Result */

/** What parts of a load are called; others go by their own names. @type {Record<string, string>} */
const NAMES = { latencyLimit: 'limit of p99, ms' };

/**
 * Every part of a load that is known, by its name.
 * @param {Result['load']} load
 * @returns {[string, unknown][]}
 */
export function loadRows(load) {
  const known = Object.entries(load ?? {}).filter(([, value]) => value !== null && value !== undefined);
  return known.map(([name, value]) => [Object.hasOwn(NAMES, name) ? (NAMES[name] ?? name) : name, shown(value)]);
}

/** All of a load in one line. @param {Result['load']} load */
export function loadWords(load) {
  return loadRows(load).map(([name, value]) => `${name} ${value}`).join(', ') || 'not said';
}

/** @param {unknown} value */
function shown(value) {
  if (!Array.isArray(value)) return typeof value === 'object' ? JSON.stringify(value) : value;
  return value.map((part) => (isStage(part) ? stageWords(part) : JSON.stringify(part))).join(', ');
}

/** @param {unknown} part @returns {part is { seconds: number, rate?: number, users?: number, hold?: boolean }} */
function isStage(part) {
  return typeof part === 'object' && part !== null && 'seconds' in part && typeof part.seconds === 'number';
}

/** @param {{ seconds: number, rate?: number, users?: number, hold?: boolean }} stage */
function stageWords({ seconds, rate, users, hold }) {
  const many = rate === undefined ? `${hold ? '' : 'to '}${users} users` : `${rate}/s`;
  return `${many} ${hold || rate !== undefined ? 'for' : 'in'} ${number(seconds)} s`;
}
