// Where the server keeps what: the stores of a topology, with their Postgres and what stands in front of
// it.

import { chmod, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { Postgres } from './postgres.mjs';
import { SlowProxy } from './slow-proxy.mjs';
import { endFolder, temporaryFolder } from './temporary.mjs';

/** @typedef {{directory: string, dataDirectory: string, postgres: Postgres|null, proxy: SlowProxy|null,
 *   journalUrl: string|null, databaseUrl: string|null}} Stores */

/**
 * @param {import('./arguments.mjs').Topology} topology
 * @param {import('./arguments.mjs').Fault} fault
 * @returns {Promise<Stores>}
 */
export async function createStores(topology, fault) {
  const directory = await temporaryFolder('lastunit-load-');
  // The user who runs Postgres has to get to its folder.
  await chmod(directory, 0o711);
  const dataDirectory = path.join(directory, 'data');
  await mkdir(dataDirectory);
  /** @type {Stores} */
  const stores = { directory, dataDirectory, postgres: null, proxy: null, journalUrl: null, databaseUrl: null };
  if (topology === 'embedded') return stores;

  const postgres = await Postgres.create(path.join(directory, 'postgres'));
  stores.postgres = postgres;
  await postgres.createDatabase('tables');
  stores.databaseUrl = postgres.url('tables');
  if (topology === 'postgres-journal') {
    await postgres.createDatabase('journal');
    if (fault === 'slow-disk') stores.proxy = await SlowProxy.create(postgres.port);
    stores.journalUrl = postgres.url('journal', stores.proxy?.port);
  }
  return stores;
}

/**
 * Ends what the stores run and deletes them, or keeps their files.
 * @param {Stores} stores
 * @param {boolean} keep
 */
export async function endStores(stores, keep) {
  stores.proxy?.close();
  await stores.postgres?.end();
  await endFolder(stores.directory, keep);
}
