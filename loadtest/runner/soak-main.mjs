// The program behind loadtest/soak.

import path from 'node:path';
import { scenarioOf } from '../scenarios.mjs';
import { parseSoak } from './arguments.mjs';
import { exitWith } from './failure.mjs';
import { LOADTEST } from './install.mjs';
import { sizedLoad } from './load.mjs';
import { summary } from './progress.mjs';
import { writeReport } from './reports.mjs';
import { runScenario } from './run.mjs';
import { growthChecks, schedule } from './soak.mjs';

const HELP = `Usage: loadtest/soak [OPTIONS]

Mixed traffic for an hour. First one process lives through its tables' Postgres being away now and then, and
its memory and files are watched; then it is killed with signal 9 every few minutes. Afterwards every promise
is checked. Exit status 0 when all were kept and nothing grew beyond its bound, 1 when not, 2 when it could
not be run.

Options:
  --minutes N               how long (default 60; growth needs 5 or more)
  --fault-every-minutes N   pause between faults (default 4)
  --binary PATH             this lastunit in place of the release build of this folder
  --keep                    keep journal and tables
RATE in the environment sets customers a second (default 100).
Results: loadtest/results/TIME-soak/ with result.json and report.html.`;

exitWith(main());

async function main() {
  const wanted = parseSoak(process.argv.slice(2));
  if (wanted === 'help') {
    console.log(HELP);
    return true;
  }
  const scenario = scenarioOf('mixed');
  const duration = String(Math.round(wanted.minutes * 60));
  const environment = { SIZE: 'full', DURATION: duration, FAULT: 'crash' };
  const { file, result } = await runScenario(
    {
      scenario,
      environment,
      wish: { ...wanted, size: 'full' },
      tool: 'k6',
      load: sizedLoad(scenario, { ...process.env, ...environment }),
      fault: 'crash, database-away',
      topology: 'local-journal-postgres',
      planned: schedule(wanted.minutes * 60, wanted.faultEveryMinutes * 60),
      more: growthChecks,
    },
    path.join(LOADTEST, 'results'),
    'soak',
  );
  console.log(summary(result, await writeReport(file)));
  return result.verdict.passed;
}
