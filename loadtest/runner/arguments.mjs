// What the command line says, checked before anything is started.

import { parseArgs } from 'node:util';
import { CannotRun } from './failure.mjs';

export const TOPOLOGIES = /** @type {const} */ (['embedded', 'local-journal-postgres', 'postgres-journal']);
export const FAULTS = /** @type {const} */ (['none', 'crash', 'database-away', 'slow-disk']);
export const TOOLS = /** @type {const} */ (['k6', 'artillery']);

/** @typedef {typeof TOPOLOGIES[number]} Topology */
/** @typedef {typeof FAULTS[number]} Fault */
/** @typedef {typeof TOOLS[number]} Tool */
/** @typedef {{size: "quick"|"full", target: string|null, tool: Tool|null, topology: Topology|null,
 *   fault: Fault|null, binary: string|null, limits: boolean, keep: boolean}} Wish what was asked for; null
 *   where the scenario decides */
/** @typedef {Wish & {scenario: string, results: string|null}} RunArguments */
/** @typedef {Wish & {minutes: number, faultEveryMinutes: number}} SoakArguments */

const OPTIONS = /** @type {const} */ ({
  quick: { type: 'boolean' },
  full: { type: 'boolean' },
  target: { type: 'string' },
  tool: { type: 'string' },
  topology: { type: 'string' },
  fault: { type: 'string' },
  binary: { type: 'string' },
  limits: { type: 'string' },
  keep: { type: 'boolean' },
  results: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
});

/**
 * @param {string[]} words
 * @param {string[]} scenarios names of all scenarios
 * @returns {RunArguments|"help"}
 */
export function parseRun(words, scenarios) {
  const { values, positionals } = parse(words, OPTIONS);
  if (values.help) return 'help';
  const [scenario, more] = positionals;
  if (scenario === undefined || more !== undefined) {
    throw new CannotRun(`name one scenario, or all: ${scenarios.join(', ')}`);
  }
  if (scenario !== 'all' && !scenarios.includes(scenario)) {
    throw new CannotRun(`there is no scenario ${scenario}; there are all, ${scenarios.join(', ')}`);
  }
  return { scenario, results: values.results ?? null, ...wish(values) };
}

/**
 * @param {string[]} words
 * @returns {SoakArguments|"help"}
 */
export function parseSoak(words) {
  const { values, positionals } = parse(words, {
    minutes: { type: 'string' },
    'fault-every-minutes': { type: 'string' },
    binary: { type: 'string' },
    keep: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help) return 'help';
  if (positionals.length > 0) throw new CannotRun(`loadtest/soak takes options only, not ${positionals[0]}`);
  return {
    ...wish(values),
    minutes: minutes('--minutes', values.minutes ?? '60'),
    faultEveryMinutes: minutes('--fault-every-minutes', values['fault-every-minutes'] ?? '4'),
  };
}

/**
 * @param {Record<string, string|boolean|undefined>} values
 * @returns {Wish}
 */
function wish(values) {
  if (values.quick && values.full) throw new CannotRun('--quick and --full exclude each other');
  const target = text(values.target);
  const topology = choice('--topology', TOPOLOGIES, values.topology);
  const fault = choice('--fault', FAULTS, values.fault);
  if (target !== null) {
    if (!/^https?:\/\/[^/]+\/?$/.test(target)) {
      throw new CannotRun(`--target is an address such as http://127.0.0.1:8080, not ${target}`);
    }
    for (const [name, value] of Object.entries({ topology, binary: values.binary, limits: values.limits })) {
      if (value) throw new CannotRun(`--${name} is for a server that is started here: leave it out with --target`);
    }
    if (fault !== null && fault !== 'none') {
      throw new CannotRun('a fault is injected into a server that is started here: leave --fault out with --target');
    }
  }
  return {
    size: values.full ? 'full' : 'quick',
    target: target === null ? null : target.replace(/\/$/, ''),
    tool: choice('--tool', TOOLS, values.tool),
    topology,
    fault,
    binary: text(values.binary),
    limits: choice('--limits', /** @type {const} */ (['on', 'off']), values.limits) === 'on',
    keep: values.keep === true,
  };
}

/**
 * The topology in which a fault can happen, when none was asked for; a clear refusal where it cannot.
 * @param {Fault} fault
 * @param {Topology|null} wanted
 * @returns {Topology}
 */
export function topologyFor(fault, wanted) {
  const needed =
    fault === 'database-away' ? 'local-journal-postgres' : fault === 'slow-disk' ? 'postgres-journal' : null;
  if (needed !== null && wanted !== null && wanted !== needed) {
    throw new CannotRun(`--fault ${fault} needs --topology ${needed}, not ${wanted}`);
  }
  return wanted ?? needed ?? 'embedded';
}

/**
 * @template {string} Name
 * @param {string} option
 * @param {readonly Name[]} choices
 * @param {string|boolean|undefined} value
 * @returns {Name|null}
 */
function choice(option, choices, value) {
  if (value === undefined) return null;
  const found = choices.find((name) => name === value);
  if (found === undefined) throw new CannotRun(`${option} is one of ${choices.join(', ')}, not ${value}`);
  return found;
}

/** @param {string|boolean|undefined} value */
function text(value) {
  return typeof value === 'string' ? value : null;
}

/** @param {string} option @param {string} value */
function minutes(option, value) {
  const number = Number(value);
  if (!(number > 0 && number <= 100_000)) throw new CannotRun(`${option} is a number of minutes above 0, not ${value}`);
  return number;
}

/**
 * @template {import('node:util').ParseArgsConfig["options"]} Options
 * @param {string[]} words
 * @param {Options} options
 */
function parse(words, options) {
  try {
    const { values, positionals } = parseArgs({ args: words, options, allowPositionals: true, strict: true });
    return { values: /** @type {Record<string, any>} */ (values), positionals };
  } catch (error) {
    throw new CannotRun(`${/** @type {Error} */ (error).message} (--help says what there is)`);
  }
}
