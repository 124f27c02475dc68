// A throw-away Postgres: fresh data, full durability, on a port of its own. It can be stopped and
// started again on the same port and data.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chown, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { Child, output, waitUntil } from './child.mjs';
import { CannotRun } from './failure.mjs';
import { freePort } from './port.mjs';

const VERSIONS = '/usr/lib/postgresql';
const ACCOUNT = 'postgres';
const START_SECONDS = 60;
const STOP_SECONDS = 60;
/** As in production, or a commit would cost less than it does there. */
const SETTINGS = [
  'fsync=on',
  'synchronous_commit=on',
  'full_page_writes=on',
  'max_connections=200',
  'listen_addresses=127.0.0.1',
];

/** The folder of the newest installed Postgres. */
function programs() {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS) : [];
  const usable = versions.filter((version) => existsSync(path.join(VERSIONS, version, 'bin/initdb')));
  const newest = usable.sort((one, other) => Number(other) - Number(one))[0];
  if (newest === undefined) {
    throw new CannotRun("this topology needs Postgres on this machine: install Debian's package postgresql");
  }
  return path.join(VERSIONS, newest, 'bin');
}

export class Postgres {
  /**
   * @param {string} programs
   * @param {string} directory
   * @param {number} port
   * @param {string|undefined} account
   */
  constructor(programs, directory, port, account) {
    this.programs = programs;
    this.directory = directory;
    this.port = port;
    this.account = account;
    /** @type {Child|null} */
    this.server = null;
  }

  /**
   * Creates a cluster in the folder, which must not exist, and starts it.
   * @param {string} directory
   */
  static async create(directory) {
    const binaries = programs();
    const account = process.getuid?.() === 0 ? ACCOUNT : undefined;
    await mkdir(directory, { recursive: true });
    if (account !== undefined) {
      const id = (await output('id', ['-u', account])).trim();
      const group = (await output('id', ['-g', account])).trim();
      await chown(directory, Number(id), Number(group));
    }
    const data = path.join(directory, 'cluster');
    await output(
      path.join(binaries, 'initdb'),
      ['--username=postgres', '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C', '--pgdata', data],
      { account, cwd: directory },
    );
    const postgres = new Postgres(binaries, directory, await freePort(), account);
    await postgres.start();
    return postgres;
  }

  async start() {
    const settings = SETTINGS.flatMap((setting) => ['-c', setting]);
    const server = new Child(
      path.join(this.programs, 'postgres'),
      ['-D', path.join(this.directory, 'cluster'), '-k', this.directory, '-p', String(this.port), ...settings],
      { account: this.account, cwd: this.directory, log: this.log, atParentDeath: 'QUIT' },
    );
    this.server = server;
    const ready = await waitUntil(START_SECONDS, () => server.ended !== null || this.answers(), 0.05);
    if (!ready || server.ended !== null) {
      await server.stop('SIGKILL', 5);
      throw new CannotRun(`Postgres did not start; the end of its log:\n${this.endOfLog()}`);
    }
  }

  /** Rolls open transactions back and keeps the data. */
  async stop() {
    await this.server?.stop('SIGINT', STOP_SECONDS);
    this.server = null;
  }

  /** For the end of a run: gives its shared memory back and writes nothing more. */
  async end() {
    await this.server?.stop('SIGQUIT', 6);
    this.server = null;
  }

  /** @param {string} name */
  async createDatabase(name) {
    await output(
      path.join(this.programs, 'createdb'),
      ['--host=127.0.0.1', `--port=${this.port}`, '--username=postgres', '--maintenance-db=postgres', name],
      { cwd: this.directory },
    );
  }

  /**
   * @param {string} database
   * @param {number} port of what stands in front of it
   */
  url(database, port = this.port) {
    return `postgres://postgres@127.0.0.1:${port}/${database}`;
  }

  get log() {
    return path.join(this.directory, 'postgres.log');
  }

  async answers() {
    try {
      await output(path.join(this.programs, 'pg_isready'), [
        '--quiet',
        '--host=127.0.0.1',
        `--port=${this.port}`,
        '--username=postgres',
        '--dbname=postgres',
      ]);
      return true;
    } catch {
      return false;
    }
  }

  endOfLog() {
    return existsSync(this.log) ? readFileSync(this.log, 'utf8').slice(-2000) : '(it is empty)';
  }
}
