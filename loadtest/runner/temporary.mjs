// Folders that a run needs for itself. Whoever interrupts a run does not want its files, and a named pipe that is
// left behind stops every program that reads the folder.

import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

/** Folders of runs that are not over. @type {Set<string>} */
const unfinished = new Set();
process.on('exit', () => {
  for (const directory of unfinished) rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
});

/**
 * A new folder, deleted at the end of this program unless it was kept. It is below the system's folder for temporary
 * files (TMPDIR), which decides about the disk.
 * @param {string} prefix
 */
export async function temporaryFolder(prefix) {
  const directory = await mkdtemp(path.join(os.tmpdir(), prefix));
  unfinished.add(directory);
  return directory;
}

/**
 * @param {string} directory
 * @param {boolean} keep what is in it
 */
export async function endFolder(directory, keep) {
  unfinished.delete(directory);
  if (!keep) await rm(directory, { recursive: true, force: true });
}
