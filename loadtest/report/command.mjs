// Command: what the programs here have in common: an error in the input is one sentence, not a stack.

import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { argv, stderr } from 'node:process';
import { InputError } from './result.mjs';

/**
 * Whether a module is the program that was started.
 * @param {string} url import.meta.url
 */
export function isProgram(url) {
  return argv[1] !== undefined && realpathSync(argv[1]) === fileURLToPath(url);
}

/**
 * Runs a program; what it returns is the exit status, and so is a fault of the input.
 * @param {() => Promise<number>} program
 * @param {number} status
 */
export async function finish(program, status) {
  try {
    process.exitCode = await program();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    stderr.write(`${error.message}\n`);
    process.exitCode = status;
  }
}

/**
 * The one file a program was given.
 * @param {string} usage
 * @returns {string}
 */
export function onlyArgument(usage) {
  const [file, ...more] = argv.slice(2);
  if (file === undefined || more.length > 0 || file.startsWith('-')) throw new InputError(`Give one file: ${usage}`);
  return file;
}
