// Programs that the runner starts. None of them may outlive it: a server or a generator that is left
// behind would disturb every later measurement.

import { spawn, execFile } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { promisify } from 'node:util';
import { CannotRun } from './failure.mjs';

/** @typedef {{code: number|null, signal: NodeJS.Signals|null}} Exit */
/** @typedef {{env?: Record<string, string>, log?: string, cwd?: string, account?: string,
 *   atParentDeath?: "KILL"|"QUIT"}} Options */

const SETPRIV = '/usr/bin/setpriv';
const run = promisify(execFile);

/** @type {Set<Child>} */
const alive = new Set();
process.on('exit', () => {
  for (const child of alive) child.signal(child.lastSignal);
});
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.on(signal, () => process.exit(2));
}

/** A running program. */
export class Child {
  /**
   * @param {string} command
   * @param {string[]} parameters
   * @param {Options} options `log` gets both outputs; `account` runs it as another user, which root can
   */
  constructor(command, parameters, options = {}) {
    const [program, all] = tied(command, parameters, options);
    const log = options.log === undefined ? 'ignore' : openSync(options.log, 'a');
    /** @type {NodeJS.Signals} */
    this.lastSignal = options.atParentDeath === 'QUIT' ? 'SIGQUIT' : 'SIGKILL';
    this.process = spawn(program, all, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', log, log],
    });
    if (typeof log === 'number') closeSync(log);
    alive.add(this);
    /** @type {Exit|null} */
    this.ended = null;
    /** @type {Promise<Exit>} */
    this.exit = new Promise((resolve) => {
      const end = (/** @type {Exit} */ exit) => {
        alive.delete(this);
        this.ended = exit;
        resolve(exit);
      };
      this.process.on('exit', (code, signal) => end({ code, signal }));
      // Nothing was started; 127 is what a shell says to that.
      this.process.on('error', () => end({ code: 127, signal: null }));
    });
  }

  get pid() {
    return this.process.pid ?? 0;
  }

  /** @param {NodeJS.Signals} signal */
  signal(signal) {
    if (this.ended === null && this.pid !== 0) this.process.kill(signal);
  }

  /**
   * Sends the signal and waits for the end; kills what has not ended after the limit.
   * @param {NodeJS.Signals} signal
   * @param {number} limitSeconds
   * @returns {Promise<Exit>}
   */
  async stop(signal, limitSeconds) {
    this.signal(signal);
    const timer = setTimeout(() => this.signal('SIGKILL'), limitSeconds * 1000);
    const exit = await this.exit;
    clearTimeout(timer);
    return exit;
  }
}

/**
 * The same command, ended by the kernel when the runner dies without a word.
 * @param {string} command
 * @param {string[]} parameters
 * @param {Options} options
 * @returns {[string, string[]]}
 */
function tied(command, parameters, options) {
  if (!existsSync(SETPRIV)) {
    if (options.account === undefined) return [command, parameters];
    throw new CannotRun(`${SETPRIV} is missing, which runs Postgres as another user: install util-linux`);
  }
  const wanted = ['--pdeathsig', options.atParentDeath ?? 'KILL'];
  if (options.account !== undefined) {
    wanted.push('--reuid', options.account, '--regid', options.account, '--init-groups');
  }
  return [SETPRIV, [...wanted, '--', command, ...parameters]];
}

/**
 * Runs a program to its end and gives what it printed; its complaint becomes the error.
 * @param {string} command
 * @param {string[]} parameters
 * @param {Options} options
 */
export async function output(command, parameters, options = {}) {
  const [program, all] = options.account === undefined ? [command, parameters] : tied(command, parameters, options);
  try {
    const { stdout } = await run(program, all, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      maxBuffer: 1 << 26,
    });
    return stdout;
  } catch (error) {
    const { stderr, message } = /** @type {{stderr?: string, message: string}} */ (error);
    throw new CannotRun(`${command} ${parameters[0] ?? ''} failed: ${stderr?.trim() || message}`);
  }
}

/** @param {number} seconds */
export const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/**
 * Asks again and again until the answer is yes; false when the time is over.
 * @param {number} limitSeconds
 * @param {() => Promise<boolean>|boolean} answer
 * @param {number} everySeconds
 */
export async function waitUntil(limitSeconds, answer, everySeconds = 0.02) {
  const until = Date.now() + limitSeconds * 1000;
  while (!(await answer())) {
    if (Date.now() > until) return false;
    await pause(everySeconds);
  }
  return true;
}
