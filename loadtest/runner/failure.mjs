// How the runner says that it could not do its work, apart from a verdict that failed.

/** The run could not be done: a usage error, a missing program, a server that does not start. */
export class CannotRun extends Error {}

export const EXIT = { passed: 0, failed: 1, couldNotRun: 2 };

/**
 * Ends the program with the exit status that fits, after one sentence about what went wrong.
 * @param {Promise<boolean>} work whether the verdict passed
 */
export async function exitWith(work) {
  try {
    process.exitCode = (await work) ? EXIT.passed : EXIT.failed;
  } catch (error) {
    if (error instanceof CannotRun) console.error(error.message);
    else console.error(error);
    process.exitCode = EXIT.couldNotRun;
  }
}
