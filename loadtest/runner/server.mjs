// The server under test as a process: started, killed, started again, stopped politely, and asked by
// its other commands (audit, journal cat) afterwards.

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Child, output, waitUntil } from './child.mjs';
import { CannotRun } from './failure.mjs';
import { freePort } from './port.mjs';

const START_SECONDS = 60;
/** Draining takes 10 s at most and closing the journal as long again. */
const STOP_SECONDS = 40;

/** @typedef {{binary: string, dataDirectory: string, journalUrl: string|null, databaseUrl: string|null,
 *   limits: boolean, log: string, settings: Record<string, string|number|boolean>}} ServerOptions `settings`: what the
 *   scenario needs, such as `auth.mode` */

export class Server {
  /** @param {ServerOptions} options @param {number} port */
  constructor(options, port) {
    this.options = options;
    this.port = port;
    /** @type {Child|null} */
    this.process = null;
  }

  /** @param {ServerOptions} options */
  static async create(options) {
    const server = new Server(options, await freePort());
    await server.start();
    return server;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid() {
    return this.process !== null && this.process.ended === null ? this.process.pid : null;
  }

  /** Starts it on the port and the data it had, and waits until it sells. */
  async start() {
    const started = new Child(this.options.binary, ['serve'], { env: this.#environment(), log: this.options.log });
    this.process = started;
    const ready = await waitUntil(START_SECONDS, async () => started.ended !== null || (await this.#isReady()), 0.01);
    if (!ready || started.ended !== null) {
      await started.stop('SIGKILL', 5);
      throw new CannotRun(`the server did not start; the end of its log:\n${this.endOfLog()}`);
    }
  }

  /** Signal 9, as a crash does it: nothing is written or answered any more. */
  async kill() {
    await this.process?.stop('SIGKILL', 5);
  }

  /** Lets it finish, as an operator does. True if it ended by itself and well. */
  async stop() {
    if (this.process === null) return false;
    const exit = await this.process.stop('SIGTERM', STOP_SECONDS);
    return exit.code === 0;
  }

  /** A token of whoever runs the shop; null where nobody has to say who they are. */
  async operatorToken() {
    if (this.options.settings['auth.mode'] !== 'jwt') return null;
    const words = ['token', '--role', 'admin', '--subject', 'load-test', '--ttl', '24h'];
    return (await output(this.options.binary, words, { env: this.#environment() })).trim();
  }

  async version() {
    return (await output(this.options.binary, ['--version'])).trim();
  }

  /** The settings in effect, as `lastunit config` prints them. */
  async settings() {
    return parseSettings(await output(this.options.binary, ['config'], { env: this.#environment() }));
  }

  /**
   * What `lastunit audit` says of journal and tables.
   * @returns {Promise<Record<string, any>>}
   */
  async audit() {
    // Its exit status says the same as its report, and the report says why.
    const text = await this.#ask(['audit', '--json']);
    try {
      return JSON.parse(text.out);
    } catch {
      return { ok: false, findings: [text.complaint.trim() || 'the audit printed no report'] };
    }
  }

  /**
   * Every fact of the journal, one after the other.
   * @param {(fact: Record<string, any>) => void} hear
   */
  async facts(hear) {
    const cat = spawn(this.options.binary, ['journal', 'cat'], {
      env: { ...process.env, ...this.#environment() },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let complaint = '';
    cat.stderr.on('data', (piece) => (complaint += piece));
    const exit = new Promise((resolve) => cat.on('close', resolve));
    for await (const line of createInterface({ input: cat.stdout })) hear(JSON.parse(line));
    if ((await exit) !== 0) throw new CannotRun(`lastunit journal cat failed: ${complaint.trim()}`);
  }

  endOfLog() {
    return readFileSync(this.options.log, 'utf8').slice(-2000);
  }

  /** @returns {Record<string, string>} */
  #environment() {
    const { dataDirectory, journalUrl, databaseUrl, limits, settings } = this.options;
    const variables = Object.entries(settings).map(([name, value]) => [
      `LASTUNIT_${name.toUpperCase().replace('.', '__')}`,
      String(value),
    ]);
    return {
      ...Object.fromEntries(variables),
      LASTUNIT_SERVER__LISTEN: `127.0.0.1:${this.port}`,
      LASTUNIT_DATA_DIR: path.resolve(dataDirectory),
      LASTUNIT_LIMITS__ENABLED: String(limits),
      ...(journalUrl === null ? {} : { LASTUNIT_JOURNAL__URL: journalUrl }),
      ...(databaseUrl === null ? {} : { LASTUNIT_DATABASE__URL: databaseUrl }),
    };
  }

  async #isReady() {
    try {
      return (await fetch(`${this.url}/health/ready`, { signal: AbortSignal.timeout(2000) })).ok;
    } catch {
      return false;
    }
  }

  /** @param {string[]} parameters @returns {Promise<{out: string, complaint: string}>} */
  #ask(parameters) {
    return new Promise((resolve) => {
      const asked = spawn(this.options.binary, parameters, {
        env: { ...process.env, ...this.#environment() },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let [out, complaint] = ['', ''];
      asked.stdout.on('data', (piece) => (out += piece));
      asked.stderr.on('data', (piece) => (complaint += piece));
      asked.on('error', (error) => (complaint += error.message));
      asked.on('close', () => resolve({ out, complaint }));
    });
  }
}

/**
 * Settings as they are printed, with their section in front: `limits.enabled`.
 * @param {string} text
 * @returns {Record<string, string|number|boolean|unknown[]>}
 */
export function parseSettings(text) {
  /** @type {Record<string, string|number|boolean|unknown[]>} */
  const settings = {};
  let section = '';
  for (const line of text.split('\n')) {
    const header = /^\[([\w.]+)\]$/.exec(line.trim());
    if (header?.[1] !== undefined) section = `${header[1]}.`;
    const setting = /^(\w+)\s*=\s*(.+)$/.exec(line.trim());
    if (setting?.[1] === undefined || setting[2] === undefined) continue;
    try {
      settings[section + setting[1]] = JSON.parse(setting[2]);
    } catch {
      settings[section + setting[1]] = setting[2];
    }
  }
  return settings;
}
