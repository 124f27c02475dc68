// Suite: writes the report of all runs of a suite beside its suite.json: one row a run.
//
//     node loadtest/report/suite.mjs FOLDER|suite.json

import { stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { unitRate } from './charts.mjs';
import { finish, isProgram, onlyArgument } from './command.mjs';
import { disturbance } from './disturbance.mjs';
import { cards, page, write } from './page.mjs';
import { InputError, passed, readRun, readSuite, runsOf, sum } from './result.mjs';
import { verdictBox, verdictSentence } from './sections.mjs';
import { sparkline } from './sparkline.mjs';
import { bytes, counted, duration, html, measured, moment, number } from './text.mjs';

/** @typedef {import('./schema.mjs').Result} Result */
/** @typedef {import('./schema.mjs').Suite} Suite */
/** @typedef {{ link: string | null, result: Result | null, why: string | null, scenario?: string }} Run a run, or why it
 *   cannot be read, or could not be run (then with its `scenario`) */

/**
 * Writes report.html and returns its path.
 * @param {string} suiteFile
 * @returns {Promise<string>}
 */
export async function writeSuiteReport(suiteFile) {
  const document = await readSuite(suiteFile);
  const folder = dirname(document.file);
  const done = await Promise.all(runsOf(document).map((file) => read(file, folder)));
  const undone = (document.suite.failed ?? []).map(({ scenario, why }) => ({ link: null, result: null, why, scenario }));
  const runs = [...done, ...undone];
  const report = join(folder, 'report.html');
  await write(report, await suitePage(document.suite, runs));
  return report;
}

/**
 * A run that cannot be read is a row that says so, and the suite has failed.
 * @param {string} file
 * @param {string} folder of the suite
 * @returns {Promise<Run>}
 */
async function read(file, folder) {
  const report = join(dirname(file), 'report.html');
  const there = await stat(report).then(() => true, () => false);
  const link = there ? relative(folder, report).split(sep).map(encodeURIComponent).join('/') : null;
  try {
    return { link, result: (await readRun(file)).result, why: null };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { link, result: null, why: error.message };
  }
}

/**
 * @param {Suite} suite
 * @param {Run[]} runs
 */
export async function suitePage(suite, runs) {
  const failed = runs.filter(({ result }) => !result || !passed(result));
  const good = suite.passed && runs.length > 0 && failed.length === 0;
  const heads = [
    { text: 'Run' },
    { text: 'Verdict' },
    { text: 'Successes', number: true },
    { text: 'Refusals', number: true },
    { text: 'Goodput /s', number: true },
    { text: 'Successes p50 / p99 ms', number: true },
    { text: 'Refusals p50 / p99 ms', number: true },
    { text: 'Published result' },
    { text: 'Arrivals, successes' },
  ];
  const body = html`${verdictBox('Contention suite', good, sentence(suite, runs, failed))}
<header><p class="quiet">Started ${moment(suite.startedAt)}, took ${duration(suite.seconds)}. ${settings(runs)}</p></header>
<section class="panel" aria-labelledby="runs-title"><h2 id="runs-title">Runs</h2>
${cards({ label: 'Runs of the suite', heads, rows: runs.map(row) })}
<p class="quiet">The small picture: the area is arrivals a second, the line successes, a red mark a fault. A run's name leads to its report.</p></section>`;
  return page({ title: `${good ? 'Passed' : 'Failed'}: contention suite`, body });
}

/**
 * @param {Suite} suite
 * @param {Run[]} runs
 * @param {Run[]} failed
 */
function sentence(suite, runs, failed) {
  if (runs.length === 0) return 'The suite has no runs, so nothing was shown.';
  if (failed.length > 0) {
    const names = failed.map(({ result, scenario }) => result?.title || result?.scenario || scenario || 'one that cannot be read');
    return `${failed.length} of ${counted(runs.length, 'run')} failed: ${names.join('; ')}.`;
  }
  if (!suite.passed) return `All ${counted(runs.length, 'run')} passed, yet the suite itself failed: it did not end.`;
  return runs.length === 1 ? 'The one run passed.' : `All ${runs.length} runs passed.`;
}

/** What all runs have in common. @param {Run[]} runs */
function settings(runs) {
  const first = runs.find(({ result }) => result)?.result;
  if (!first) return '';
  const machine = first.machine ?? {};
  const on = [machine.cpu, typeof machine.cores === 'number' && counted(machine.cores, 'core'), typeof machine.memoryBytes === 'number' && bytes(machine.memoryBytes), machine.fileSystem && `stores on ${machine.fileSystem}`].filter(Boolean);
  const limited = runs.filter(({ result }) => result?.limiter).length;
  const limiter = limited === 0 ? 'The limiter was off.' : `The limiter was on in ${counted(limited, 'run')}.`;
  const where = machine.loadGeneratorOnSameMachine === false ? 'Load generator on' : 'On';
  return on.length > 0 ? `${where} ${on.join(', ')}. ${limiter}` : limiter;
}

/** @param {Run} run */
function row({ link, result, why, scenario }) {
  const dash = '–';
  if (!result) {
    const name = scenario ? `${scenario} could not be run` : 'A run that cannot be read';
    return { tone: 'bad', cells: [name, html`<span class="word">✗ failed</span> ${why}`, dash, dash, dash, dash, dash, dash, dash] };
  }
  const good = passed(result);
  const title = result.title || result.scenario;
  const disturbed = disturbance(result);
  const notes = [result.scenario, result.size, result.topology, result.fault !== 'none' && `fault: ${result.fault}`, result.limiter && 'limiter on', gaveWay(result), result.tool !== 'k6' && result.tool];
  const errors = sum(result.totals.errors);
  const verdict = html`<span class="word">${good ? '✓ passed' : '✗ failed'}</span>${!good && html`<br>${verdictSentence(result)}`}${errors > 0 && html`<br>${counted(errors, 'error')}`}`;
  const cells = [
    html`${link ? html`<a href="${link}">${title}</a>` : title}<br><span class="quiet">${notes.filter(Boolean).join(' · ')}</span>${disturbed && html`<br><span class="tag" data-tone="warn">${disturbed}</span>`}`,
    verdict,
    number(result.totals.successes),
    number(sum(result.totals.refusals)),
    goodput(result),
    successPair(result),
    pair(result.latency?.refusal),
    result.published ? result.published.text : dash,
    sparkline(result),
  ];
  return { tone: good ? 'good' : 'bad', cells };
}

/** @param {Result} result */
function goodput({ totals }) {
  const units = unitRate(totals);
  return html`${number(totals.goodputUntilSoldOutPerSecond)}${units && html`<br><span class="quiet">${units}</span>`}`;
}

/**
 * Where purchases are decided later, how long the 202 took is what there is.
 * @param {Result} result
 */
function successPair({ latency }) {
  const accepted = pair(latency?.accept);
  return (latency?.success?.count ?? 0) > 0 || accepted === '–' ? pair(latency?.success) : `${accepted} (202)`;
}

/** @param {Result} result */
function gaveWay({ breakingPoint }) {
  return typeof breakingPoint?.rate === 'number' && `${breakingPoint.generatorFirst ? 'load generator ' : ''}gave way at ${number(breakingPoint.rate)}/s`;
}

/** @param {import('./schema.mjs').Latency | null | undefined} latency */
function pair(latency) {
  return latency && latency.count > 0 ? `${measured(latency.p50, '')} / ${measured(latency.p99, '')}` : '–';
}

if (isProgram(import.meta.url)) {
  await finish(async () => {
    console.log(await writeSuiteReport(onlyArgument('node loadtest/report/suite.mjs FOLDER|suite.json')));
    return 0;
  }, 2);
}
