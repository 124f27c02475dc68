// The program behind loadtest/run.

import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { scenarios } from '../scenarios.mjs';
import { FAULTS, TOOLS, TOPOLOGIES, parseRun } from './arguments.mjs';
import { CannotRun, exitWith } from './failure.mjs';
import { LOADTEST } from './install.mjs';
import { say, summary, table } from './progress.mjs';
import { writeReport, writeSuite } from './reports.mjs';
import { orderOf, resultDirectory, runScenario } from './run.mjs';

const HELP = `Usage: loadtest/run SCENARIO|all [OPTIONS]

Starts lastunit with fresh data, lets a crowd at it, and checks every promise afterwards. Exit status 0 when
all were kept, 1 when one was not, 2 when it could not be run.

Scenarios:
${scenarios.map(({ name, title }) => `  ${name.padEnd(26)} ${title}`).join('\n')}

Options:
  --quick | --full      size: up to a minute on two cores (default), or minutes
  --target URL          a server that runs already; verdict over its API (its limits must be off; see --limits)
  --tool TOOL           ${TOOLS.join(', ')} (default k6)
  --topology TOPOLOGY   ${TOPOLOGIES.join(', ')} (default embedded)
  --fault FAULT         ${FAULTS.join(', ')} (default none)
  --binary PATH         this lastunit in place of the release build of this folder
  --limits on|off       the server's limiter (default off: one machine stands for a crowd)
  --keep                keep journal and tables
  --results FOLDER      where results go (default loadtest/results)
USERS, RATE, DURATION (seconds) and STOCK in the environment change the size of a scenario.
Results: a folder TIME-SCENARIO with result.json and report.html.`;

exitWith(main());

async function main() {
  const wanted = parseRun(
    process.argv.slice(2),
    scenarios.map(({ name }) => name),
  );
  if (wanted === 'help') {
    console.log(HELP);
    return true;
  }
  const results = path.resolve(wanted.results ?? path.join(LOADTEST, 'results'));
  if (wanted.scenario === 'all') return runAll(wanted, results);
  const { file, result } = await runScenario(orderOf(wanted.scenario, wanted), results);
  const report = await writeReport(file);
  console.log(summary(result, report));
  return result.verdict.passed;
}

/**
 * One after the other, each with fresh data. A scenario that cannot be run fails the suite and not those
 * that follow.
 * @param {import('./arguments.mjs').RunArguments} wanted
 * @param {string} results
 */
async function runAll(wanted, results) {
  const startedAt = new Date();
  const chosen = scenarios.filter(({ artillery }) => wanted.tool !== 'artillery' || artillery);
  const directory = await resultDirectory(results, 'suite', startedAt);
  const done = [];
  const files = [];
  /** @type {{scenario: string, why: string}[]} */
  const failed = [];
  let passed = true;
  for (const [at, { name }] of chosen.entries()) {
    say(`\n[${at + 1} of ${chosen.length}]`);
    try {
      const { file, result } = await runScenario(orderOf(name, wanted), results);
      say(summary(result, await writeReport(file)));
      done.push(result);
      files.push(file);
      passed &&= result.verdict.passed;
    } catch (error) {
      // Also what nobody has thought of: the others are run all the same, and the suite says which was not.
      const why = error instanceof CannotRun ? error.message : String(error instanceof Error ? error.stack : error);
      say(`  FAILED: ${name} could not be run: ${why}`);
      failed.push({ scenario: name, why });
      passed = false;
    }
  }
  const suite = {
    schema: 1,
    startedAt: startedAt.toISOString(),
    seconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
    runs: files.map((file) => path.relative(directory, file)),
    failed,
    passed,
  };
  const file = path.join(directory, 'suite.json');
  await writeFile(file, JSON.stringify(suite, null, 2));
  console.log(`\n${table(done)}\n${passed ? 'PASSED' : 'FAILED'}  ${await writeSuite(file)}`);
  return passed;
}
