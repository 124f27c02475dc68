// Run: writes the report of one run beside its result.json.
//
//     node loadtest/report/run.mjs FOLDER|result.json

import { dirname, join } from 'node:path';
import { breakingChart, breakingSentence, chartsOf } from './charts.mjs';
import { finish, isProgram, onlyArgument } from './command.mjs';
import { cards, chartFigure, chartSection, page, write } from './page.mjs';
import { passed, readRun } from './result.mjs';
import { besideSection, checksSection, headSection, latencySection, machineSection, totalsSection, verdictSection } from './sections.mjs';
import { html, number } from './text.mjs';

/** @typedef {import('./schema.mjs').Result} Result */

/** @type {[keyof import('./schema.mjs').Step, string][]} */
const COLUMNS = [
  ['achieved', 'achieved/s'],
  ['p50', 'p50 ms'],
  ['p99', 'p99 ms'],
  ['errors', 'errors'],
  ['neverCame', 'never came'],
  ['purchaseP99', "server's p99 ms"],
  ['commitP99', 'commit p99 ms'],
  ['cpu', 'CPU: server'],
  ['generatorCpu', 'CPU: generator'],
  ['machineCpu', 'machine busy'],
];

/**
 * Writes report.html and returns its path.
 * @param {string} resultFile
 * @returns {Promise<string>}
 */
export async function writeRunReport(resultFile) {
  const { file, result } = await readRun(resultFile);
  const report = join(dirname(file), 'report.html');
  await write(report, await runPage(result));
  return report;
}

/** @param {Result} result */
export async function runPage(result) {
  const { charts, instead } = chartsOf(result);
  const breaking = result.breakingPoint ? breakingChart(result.breakingPoint) : null;
  const body = html`${verdictSection(result)}
${headSection(result)}
${checksSection(result)}
${totalsSection(result)}
${breakingSection(result.breakingPoint ?? null, breaking)}
<div class="pair">${besideSection(result)}${latencySection(result)}</div>
${chartSection(charts, instead)}
${machineSection(result)}`;
  const title = `${passed(result) ? 'Passed' : 'Failed'}: ${result.title || result.scenario}`;
  return page({ title, body, charts: breaking ? [breaking, ...charts] : charts });
}

/**
 * @param {Result['breakingPoint']} point
 * @param {import('./chart.mjs').Chart | null} chart
 */
function breakingSection(point, chart) {
  if (!point) return null;
  const there = COLUMNS.filter(([name]) => point.steps.some((step) => typeof step[name] === 'number'));
  const heads = [{ text: 'Arrivals', number: true }, ...there.map(([, text]) => ({ text, number: true }))];
  const rows = point.steps.map((step) => ({ cells: [html`${number(step.rate)}/s`, ...there.map(([name]) => number(step[name]))] }));
  return html`<section aria-labelledby="breaking-title"><h2 id="breaking-title">${point.generatorFirst ? 'Breaking point of the load generator, not of the server' : 'Breaking point'}</h2>
<p class="verdict" data-tone="warn"><span>${breakingSentence(point)}</span></p>
${chart && chartFigure(chart)}
<div class="panel"><h3>Each step of the arrival rate</h3>${cards({ label: 'Steps of the breaking point', heads, rows, compact: true })}</div></section>`;
}

if (isProgram(import.meta.url)) {
  await finish(async () => {
    console.log(await writeRunReport(onlyArgument('node loadtest/report/run.mjs FOLDER|result.json')));
    return 0;
  }, 2);
}
