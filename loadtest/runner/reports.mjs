// Writes the HTML of a run and of a suite beside their JSON.

import { writeRunReport } from '../report/run.mjs';
import { writeSuiteReport } from '../report/suite.mjs';
import { say } from './progress.mjs';

/**
 * A verdict stands, whatever becomes of its picture: without a report its JSON is what there is to read.
 * @param {(file: string) => Promise<string>} write
 */
function orJson(write) {
  return async (/** @type {string} */ file) => {
    try {
      return await write(file);
    } catch (error) {
      say(`the report could not be written: ${/** @type {Error} */ (error).message}`);
      return file;
    }
  };
}

export const writeReport = orJson(writeRunReport);
export const writeSuite = orJson(writeSuiteReport);
