// The place of a run: a server started here with its stores, or one that somebody else runs.

import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CannotRun } from './failure.mjs';
import { fileSystem } from './machine.mjs';
import { findServer } from './install.mjs';
import { Server } from './server.mjs';
import { createStores, endStores } from './topology.mjs';

const SECRET_FILE = 'SECRET_FILE';

/** @typedef {{url: string, token: string|null, server: Server|null, stores: import('./topology.mjs').Stores|null,
 *   environment: Record<string, string>, description: Record<string, any>, fileSystem: string|null}} Site
 *   `environment`: what the script has to know */

/**
 * @param {{topology: import('./arguments.mjs').Topology, fault: import('./arguments.mjs').Fault, binary: string|null,
 *   limits: boolean, settings: Record<string, string|number|boolean>, directory: string}} wish
 * @returns {Promise<Site>}
 */
export async function startSite({ topology, fault, binary, limits, settings, directory }) {
  const found = await findServer(binary);
  const stores = await createStores(topology, fault);
  try {
    const secretFile = path.join(stores.directory, 'token-secret');
    await writeFile(secretFile, randomBytes(32).toString('hex'), { mode: 0o600 });
    const server = await Server.create({
      binary: found.path,
      dataDirectory: stores.dataDirectory,
      journalUrl: stores.journalUrl,
      databaseUrl: stores.databaseUrl,
      limits,
      log: path.join(directory, 'server.log'),
      settings: Object.fromEntries(
        Object.entries(settings).map(([name, value]) => [name, value === SECRET_FILE ? secretFile : value]),
      ),
    });
    const token = await server.operatorToken();
    return {
      url: server.url,
      token,
      server,
      stores,
      environment: { TOKEN_SECRET_FILE: secretFile, ...(token === null ? {} : { OPERATOR_TOKEN: token }) },
      description: { version: await server.version(), binary: found.kind, configuration: await server.settings() },
      fileSystem: await fileSystem(stores.directory),
    };
  } catch (error) {
    await endStores(stores, false);
    throw error;
  }
}

/**
 * @param {string} target
 * @returns {Promise<Site>}
 */
export async function visitSite(target) {
  const health = await healthOf(target);
  return {
    url: target,
    token: process.env.OPERATOR_TOKEN ?? null,
    server: null,
    stores: null,
    environment: {},
    description: {
      version: `lastunit ${health.version}`,
      binary: 'target',
      configuration: { 'limits.enabled': health.limits === 'on' },
    },
    fileSystem: null,
  };
}

/** @param {string} target @returns {Promise<{version: string, limits: string}>} */
async function healthOf(target) {
  try {
    const answer = await fetch(`${target}/health`, { signal: AbortSignal.timeout(10_000) });
    return /** @type {{version: string, limits: string}} */ (await answer.json());
  } catch (error) {
    throw new CannotRun(
      `${target} does not answer as lastunit does (${/** @type {Error} */ (error).message}): ` +
        'start the server there, or name another one with --target',
    );
  }
}

/**
 * @param {Site} site
 * @param {boolean} keep the files of the stores
 */
export async function endSite(site, keep) {
  await site.server?.kill();
  if (site.stores !== null) await endStores(site.stores, keep);
}
