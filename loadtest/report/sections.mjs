// Sections: the parts of a run's report that are no charts.

import { byReason, latencyWords, saidOfGoodput, unitRate } from './charts.mjs';
import { disturbance } from './disturbance.mjs';
import { loadRows } from './load.mjs';
import { passed, sum } from './result.mjs';
import { bytes, counted, duration, html, measured, moment, number } from './text.mjs';

/** @typedef {import('./schema.mjs').Result} Result */
/** @typedef {import('./schema.mjs').Check} Check */

/** Names of the topologies, for people. @type {Record<string, string>} */
const TOPOLOGIES = {
  embedded: 'embedded: journal and database in SQLite',
  'local-journal-postgres': 'local journal, database in Postgres',
  'postgres-journal': 'journal and database in Postgres',
  target: 'a server that was running already',
};

/** @param {string} topology */
export function topologyWords(topology) {
  return Object.hasOwn(TOPOLOGIES, topology) ? TOPOLOGIES[topology] : topology;
}

/**
 * One sentence on why a run passed or not.
 * @param {Result} result
 */
export function verdictSentence(result) {
  const { checks } = result.verdict;
  const failed = checks.filter((check) => !check.passed);
  if (checks.length === 0) return 'Nothing was checked, so nothing was shown.';
  if (failed.length > 0) return `${failed.length} of ${counted(checks.length, 'check')} failed: ${failed.map(({ name }) => name).join('; ')}.`;
  if (!result.verdict.passed) return `All ${counted(checks.length, 'check')} held, yet the run itself failed.`;
  return checks.length === 1 ? 'The one check held.' : `All ${checks.length} checks held.`;
}

/** @param {Result} result */
export function verdictSection(result) {
  return verdictBox(result.title || result.scenario, passed(result), verdictSentence(result));
}

/**
 * The first thing to be seen, large.
 * @param {string} title
 * @param {boolean} good
 * @param {string} sentence
 * @param {string} [word]
 */
export function verdictBox(title, good, sentence, word = good ? 'Passed' : 'Failed') {
  return html`<div class="verdict" data-tone="${good ? 'good' : 'bad'}"><h1>${title}</h1><strong>${word}</strong><p>${sentence}</p></div>`;
}

/** Every check, the failed ones first. @param {Result} result */
export function checksSection(result) {
  const checks = [...result.verdict.checks].sort((one, other) => Number(one.passed) - Number(other.passed));
  return html`<section class="panel" aria-labelledby="checks-title"><h2 id="checks-title">Checks</h2>
<ul class="checks">${checks.map(checkItem)}</ul></section>`;
}

/** @param {Check} check */
function checkItem({ name, passed: good, expected, actual, why }) {
  const values = [
    expected !== null && expected !== undefined && html`expected ${expected}`,
    actual !== null && actual !== undefined && html`found <b>${actual}</b>`,
  ].filter(Boolean);
  const line = values.length > 0 && html`<br><span class="quiet">${values.map((value, place) => html`${place > 0 && ', '}${value}`)}</span>`;
  return html`<li data-tone="${good ? 'good' : 'bad'}"><span class="sign" aria-hidden="true">${good ? '✓' : '✗'}</span>
<div><span class="unseen">${good ? 'held: ' : 'failed: '}</span><b>${name}</b>${line}${why && html`<br><span class="quiet">${why}</span>`}</div></li>`;
}

/** @param {Result} result */
export function headSection(result) {
  const { scenario, text, tool, startedAt, seconds, size, fault, faults, limiter } = result;
  const faultTone = fault === 'none' ? '' : 'warn';
  const disturbed = disturbance(result);
  const limiterWords = limiter ? 'limiter on: its refusals are among the numbers' : 'limiter off';
  return html`<header>${text && html`<p>${text}</p>`}
<p class="quiet">Scenario ${scenario}, started ${moment(startedAt)}, ran ${duration(seconds)} under ${tool}.</p>
<p class="tags"><span class="tag">size ${size}</span><span class="tag">${topologyWords(result.topology)}</span>
<span class="tag" data-tone="${limiter ? 'warn' : 'good'}">${limiterWords}</span>
<span class="tag" data-tone="${faultTone}">${fault === 'none' ? 'no fault' : `fault: ${fault}`}</span>
${disturbed && html`<span class="tag" data-tone="warn">${disturbed}</span>`}</p>
${faults && faults.length > 0 && html`<ol class="quiet">${faults.map(faultItem)}</ol>`}</header>`;
}

/** @param {import('./schema.mjs').Fault} fault */
function faultItem({ at, what, recoveredAfterSeconds }) {
  const end = typeof recoveredAfterSeconds === 'number' ? `answered again after ${measured(recoveredAfterSeconds, 's')}` : 'no recovery was seen';
  return html`<li>At ${measured(at, 's')}: ${what}; ${end}.</li>`;
}

/** @param {Result} result */
export function totalsSection(result) {
  const { totals } = result;
  const units = totals.unitsSold === totals.successes ? null : counted(totals.unitsSold, 'unit');
  /** @type {[string, string, string | null][]} */
  const tiles = [
    ['arrivals', number(totals.arrivals), null],
    ['successes', number(totals.successes), units],
    ['refusals', number(sum(totals.refusals)), null],
    ['errors', number(sum(totals.errors)), kinds(totals.errors)],
    ['goodput', measured(totals.goodputUntilSoldOutPerSecond, '/s'), goodputNote(totals)],
    ['sold out after', measured(totals.soldOutAfterSeconds, 's'), null],
    ['requests', number(totals.requests), typeof totals.requests === 'number' && result.seconds > 0 ? `${number(totals.requests / result.seconds)}/s` : null],
    ['repeats', number(totals.repeats), 'with the same key'],
  ];
  const shown = tiles.map(([term, value, more]) => html`<div><dt>${term}</dt><dd>${value}</dd>${more && html`<dd>${more}</dd>`}</div>`);
  return html`<section aria-labelledby="totals-title"><h2 id="totals-title">In all</h2><dl class="numbers">${shown}</dl>
<p class="quiet">${byReason(totals.refusals)}</p></section>`;
}

/** @param {Result['totals']} totals */
function goodputNote(totals) {
  if (typeof totals.goodputUntilSoldOutPerSecond !== 'number') return 'too few sales to say';
  return [unitRate(totals), typeof totals.soldOutAfterSeconds === 'number' && 'until sold out'].filter(Boolean).join(', ') || null;
}

/** @param {import('./schema.mjs').Counts} counts */
function kinds(counts) {
  const there = Object.entries(counts).filter(([, count]) => count > 0);
  return there.length === 0 ? null : there.map(([kind, count]) => `${kind} ${number(count)}`).join(', ');
}

/** What a run came to, in one sentence. @param {Result} result */
export function outcome(result) {
  const refused = counted(sum(result.totals.refusals), 'refusal');
  const errors = counted(sum(result.totals.errors), 'error');
  const p99 = result.latency?.success?.p99;
  const latency = typeof p99 === 'number' ? ` p99 of successes ${measured(p99, 'ms')}.` : '';
  return `${counted(result.totals.arrivals, 'arrival')}: ${saidOfGoodput(result.totals)} ${refused}, ${errors}.${latency}`;
}

/** @param {Result} result */
export function besideSection(result) {
  const published = result.published;
  const original = published ? html`${published.text}${published.system && html`<br><span class="quiet">${published.system}</span>`}` : html`<span class="quiet">No result was published.</span>`;
  return html`<section class="panel" aria-labelledby="beside-title"><h2 id="beside-title">Expectation, result, original</h2>
<table class="settings"><tbody>
<tr><th scope="row">Expected</th><td>${result.expectation || '–'}</td></tr>
<tr><th scope="row">This run</th><td>${outcome(result)}</td></tr>
<tr><th scope="row">Original system</th><td>${original}</td></tr>
</tbody></table></section>`;
}

/** @param {Result} result */
export function latencySection(result) {
  const there = Object.entries(result.latency ?? {}).flatMap(([kind, latency]) => (latency && latency.count > 0 ? [{ words: latencyWords(kind), latency }] : []));
  if (there.length === 0) return html`<section class="panel" aria-labelledby="latency-title"><h2 id="latency-title">Latency</h2><p class="quiet">No answer was timed.</p></section>`;
  const rows = /** @type {const} */ (['mean', 'p50', 'p90', 'p95', 'p99', 'max']).map(
    (name) => html`<tr><th scope="row">${name}</th>${there.map(({ latency }) => html`<td class="number">${number(latency[name])}</td>`)}</tr>`,
  );
  const few = there.filter(({ latency }) => latency.count < 100).map(({ words }) => words);
  return html`<section class="panel" aria-labelledby="latency-title"><h2 id="latency-title">Latency <span class="quiet">ms</span></h2>
<div class="scroll" tabindex="0" role="region" aria-label="Latencies"><table><thead><tr><th scope="col"><span class="unseen">Statistic</span></th>${there.map(({ words }) => html`<th scope="col" class="number">${words}</th>`)}</tr></thead>
<tbody><tr><th scope="row">answers</th>${there.map(({ latency }) => html`<td class="number">${number(latency.count)}</td>`)}</tr>${rows}</tbody></table></div>
${few.length > 0 && html`<p class="quiet">Fewer than 100 answers, so p99 is one of the slowest few: ${few.join(', ')}.</p>`}</section>`;
}

/** @param {Result} result */
export function machineSection(result) {
  const machine = result.machine ?? {};
  const same = machine.loadGeneratorOnSameMachine;
  /** @type {[string, unknown][]} */
  const rows = [
    ['CPU', machine.cpu],
    ['cores', machine.cores],
    ['memory', typeof machine.memoryBytes === 'number' ? bytes(machine.memoryBytes) : null],
    ['system', machine.system],
    ['server', same === undefined ? null : same ? 'on the same machine, so both share its cores' : 'on another machine'],
    ['file system of the stores', machine.fileSystem ? fileSystemWords(machine.fileSystem) : null],
    ['cores that others used', typeof machine.coresUsedByOthers === 'number' ? number(machine.coresUsedByOthers) : null],
    ...loadRows(result.load).map(([name, value]) => /** @type {[string, unknown]} */ ([`load: ${name}`, typeof value === 'number' ? number(value) : value])),
    ...flattened({ ...result.server, configuration: null, tableOfSettings: null }, 'server: ').filter(([, value]) => value !== null),
  ];
  const { configuration, tableOfSettings } = /** @type {Record<string, any>} */ (result.server ?? {});
  const settings = flattened({ ...tableOfSettings, ...configuration }, '');
  const limits = settings.filter(([name]) => name === 'limits.enabled');
  const all = html`<details><summary>All ${settings.length} settings of the server</summary>${pairs(settings)}</details>`;
  return html`<div class="pair"><section class="panel" aria-labelledby="machine-title"><h2 id="machine-title">Machine of the load generator, load and server</h2>${pairs([...rows, ...limits])}</section>
<section class="panel" aria-labelledby="server-title"><h2 id="server-title">Configuration</h2>${settings.length > 0 ? all : html`<p class="quiet">Not known: the server was running already.</p>`}</section></div>`;
}

/** A commit costs nothing where nothing is kept. @param {string} fileSystem */
function fileSystemWords(fileSystem) {
  return fileSystem === 'tmpfs' ? 'tmpfs, in memory: commits cost next to nothing' : fileSystem;
}

/** @param {[string, unknown][]} rows */
function pairs(rows) {
  const shown = rows.map(([name, value]) => html`<tr><th scope="row">${name}</th><td>${value === null || value === undefined || value === '' ? '–' : String(value)}</td></tr>`);
  return html`<table class="settings"><tbody>${shown}</tbody></table>`;
}

/**
 * Settings as lines: nested objects by dotted names, lists as JSON.
 * @param {Record<string, unknown>} settings
 * @param {string} prefix
 * @returns {[string, unknown][]}
 */
export function flattened(settings, prefix) {
  return Object.entries(settings).flatMap(([name, value]) => {
    if (value === null || typeof value !== 'object') return [/** @type {[string, unknown]} */ ([prefix + name, value])];
    if (Array.isArray(value)) return [/** @type {[string, unknown]} */ ([prefix + name, JSON.stringify(value)])];
    const inside = name === 'configuration' ? prefix : `${prefix}${name}.`;
    return flattened(/** @type {Record<string, unknown>} */ (value), inside);
  });
}
