// Compare: two runs, or two suites, side by side.
//
//     loadtest/compare A B [--html FILE] [--noise PERCENT]
//
// Exit status: 0 nothing is worse, 1 something is worse beyond noise, 2 they cannot be compared.

import { argv, env, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { finish, isProgram } from './command.mjs';
import { compare, readSide, statusOf } from './comparison.mjs';
import { comparisonPage } from './comparison_page.mjs';
import { terminalText } from './comparison_words.mjs';
import { write } from './page.mjs';
import { InputError } from './result.mjs';

const USAGE = `loadtest/compare A B [--html FILE] [--noise PERCENT]

A and B: the folder of a run, its result.json, or a suite; several with commas between them are repeats.
--html FILE       also writes the comparison as a page
--noise PERCENT   what is noise where repeats do not tell (15)

Exit status: 0 nothing is worse, 1 something is worse beyond noise, 2 they cannot be compared.`;
const NOISE_PERCENT = 15;

/** @param {string[]} given */
function options(given) {
  const known = /** @type {const} */ ({ html: { type: 'string' }, noise: { type: 'string' }, help: { type: 'boolean', short: 'h' } });
  try {
    return parseArgs({ args: given, options: known, allowPositionals: true });
  } catch (error) {
    throw new InputError(`${/** @type {Error} */ (error).message.split('. ')[0]}: see loadtest/compare --help.`);
  }
}

/**
 * Compares, and says so on the terminal; returns the exit status.
 * @param {string[]} given arguments
 * @returns {Promise<number>}
 */
export async function main(given) {
  const { values, positionals } = options(given);
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const [a, b, ...more] = positionals;
  if (a === undefined || b === undefined || more.length > 0) throw new InputError('Give two sides, A and B: see loadtest/compare --help.');
  const percent = Number(values.noise ?? NOISE_PERCENT);
  if (values.noise === '' || !(percent >= 0 && percent <= 1000)) throw new InputError(`--noise is a percentage from 0 to 1000, not "${values.noise}".`);
  const outcome = compare(await readSide(a), await readSide(b), percent / 100);
  stdout.write(terminalText(outcome, percent / 100, stdout.isTTY === true && !env.NO_COLOR));
  if (values.html !== undefined) {
    await write(values.html, await comparisonPage(outcome, percent / 100));
    console.log(`Written to ${values.html}.`);
  }
  return statusOf(outcome);
}

if (isProgram(import.meta.url)) await finish(() => main(argv.slice(2)), 2);
