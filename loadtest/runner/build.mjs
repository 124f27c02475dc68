// Which build of the server it was: two of the same version may be months apart.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { promisify } from 'node:util';
import { LOADTEST } from './install.mjs';

/** Digits of the digest: enough to tell builds apart. */
const DIGITS = 16;

const run = promisify(execFile);

/**
 * The digest of the program, and the state of the folder that these tests are in, where git keeps it. A program from
 * elsewhere may come from another state.
 * @param {string} binary
 */
export async function buildOf(binary) {
  const digest = createHash('sha256');
  for await (const piece of createReadStream(binary)) digest.update(piece);
  return { sha256: digest.digest('hex').slice(0, DIGITS), checkout: await checkoutOf(LOADTEST) };
}

/**
 * The commit of a folder's repository, and whether files differ from it; null where there is none.
 * @param {string} folder
 * @returns {Promise<string|null>}
 */
export async function checkoutOf(folder) {
  try {
    const git = async (/** @type {string[]} */ ...words) => (await run('git', ['-C', folder, ...words])).stdout.trim();
    const commit = await git('rev-parse', '--short=12', 'HEAD');
    return (await git('status', '--porcelain', '--untracked-files=no')) === '' ? commit : `${commit}, changed`;
  } catch {
    return null;
  }
}
