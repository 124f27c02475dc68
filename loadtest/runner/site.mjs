// The place of a run: a server started here with its stores, or one that somebody else runs.

import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buildOf } from './build.mjs';
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
      environment: {
        // Signing a token for every customer is work that a server without accounts does not ask for.
        ...(Object.values(settings).includes(SECRET_FILE) ? { TOKEN_SECRET_FILE: secretFile } : {}),
        ...(token === null ? {} : { OPERATOR_TOKEN: token }),
      },
      description: {
        version: await server.version(),
        binary: found.kind,
        ...(await buildOf(found.path)),
        configuration: await server.settings(),
      },
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

/**
 * What lastunit says of itself there; whatever else answers is none.
 * @param {string} target
 * @returns {Promise<{version: string, limits: "on"|"off"}>}
 */
async function healthOf(target) {
  const another = 'start the server there, or name another one with --target';
  /** @type {Record<string, unknown>|null} */
  let page;
  try {
    const answer = await fetch(`${target}/health`, { signal: AbortSignal.timeout(10_000) });
    page = /** @type {any} */ (await answer.json());
  } catch (error) {
    const why = /** @type {Error} */ (error).message;
    throw new CannotRun(`${target} does not answer as lastunit does (${why}): ${another}`);
  }
  const { version, limits } = page ?? {};
  if (typeof version !== 'string' || (limits !== 'on' && limits !== 'off')) {
    throw new CannotRun(`${target}/health does not say version and limits, so it is not lastunit's: ${another}`);
  }
  return { version, limits };
}

/**
 * @param {Site} site
 * @param {boolean} keep the files of the stores
 */
export async function endSite(site, keep) {
  await site.server?.kill();
  if (site.stores !== null) await endStores(site.stores, keep);
}
