// One run from beginning to end: server, load, fault, what the server says meanwhile and afterwards, and
// the verdict, all of it in one document.

import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { scenarioOf } from '../scenarios.mjs';
import { parseAcknowledged } from './acknowledged.mjs';
import { topologyFor } from './arguments.mjs';
import { startArtillery } from './artillery.mjs';
import { breakingPointOf } from './breaking-point.mjs';
import { CannotRun } from './failure.mjs';
import { inject, plan } from './faults.mjs';
import { startK6 } from './k6.mjs';
import { Ledger } from './ledger.mjs';
import { sizedLoad, toldLoad } from './load.mjs';
import { describe } from './machine.mjs';
import { Points, round } from './points.mjs';
import { Progress, say } from './progress.mjs';
import { Sampler, since, usedByOthers } from './sampler.mjs';
import { settle } from './settle.mjs';
import { endSite, startSite, visitSite } from './site.mjs';
import { endFolder, temporaryFolder } from './temporary.mjs';
import { judge } from './verdict.mjs';
import { aboveLimit, accountsOf, lookUp } from './visit.mjs';

const SAMPLES_MAX = 2000;
/** With any of these in the environment the load is another one than the table says. */
const OWN_SIZE = ['USERS', 'RATE', 'DURATION', 'STOCK', 'LATENCY_LIMIT'];

/** @typedef {import('./site.mjs').Site} Site */
/** @typedef {import('./generator.mjs').Told} Told */
/** @typedef {import('../scenarios.mjs').Scenario} Scenario */
/** @typedef {{scenario: Scenario, load: import('./load.mjs').Sized, wish: import('./arguments.mjs').Wish, fault: string,
 *   topology: import('./arguments.mjs').Topology, tool: import('./arguments.mjs').Tool,
 *   planned: import('./faults.mjs').Planned[], environment: Record<string, string>,
 *   more: (samples: import('./sampler.mjs').Sample[], points: Points) => import('./verdict.mjs').Check[]}} Order
 *   `environment`: for the script; `more`: checks beside those of every run */
/** @typedef {{directory: string, startedAt: Date, runId: string}} Occasion */

/**
 * The folder of a run, which also says when it was.
 * @param {string} results
 * @param {string} name
 * @param {Date} at
 */
export async function resultDirectory(results, name, at) {
  const time = at
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replaceAll(':', '-');
  for (let count = 1; ; count += 1) {
    const directory = path.join(results, `${time}-${name}${count === 1 ? '' : `-${count}`}`);
    if (existsSync(directory)) continue;
    await mkdir(directory, { recursive: true });
    return directory;
  }
}

/**
 * What a wish means for a scenario, as long as nothing else is said.
 * @param {string} name
 * @param {import('./arguments.mjs').Wish} wish
 * @returns {Order}
 */
export function orderOf(name, wish) {
  const scenario = scenarioOf(name);
  const fault = wish.fault ?? 'none';
  const load = sizedLoad(scenario, { ...process.env, SIZE: wish.size });
  return {
    scenario,
    wish,
    load,
    fault,
    tool: wish.tool ?? 'k6',
    topology: topologyFor(fault, wish.topology),
    planned: plan(fault, secondsOf(load), wish.size),
    environment: {},
    more: () => [],
  };
}

/** @param {Order["load"]} load */
function secondsOf(load) {
  return load.duration * (load.steps?.length ?? 1);
}

/**
 * Runs one scenario and writes result.json.
 * @param {Order} order
 * @param {string} results the folder of all results
 * @param {string} name of the folder of this result
 * @returns {Promise<{file: string, result: Record<string, any>}>}
 */
export async function runScenario(order, results, name = order.scenario.name) {
  const { scenario, wish, fault } = order;
  if (order.tool === 'artillery' && !scenario.artillery) {
    throw new CannotRun(`there is no artillery script for ${scenario.name}: use --tool k6`);
  }
  const startedAt = new Date();
  const directory = await resultDirectory(results, name, startedAt);
  say(`${name} (${wish.size}${fault === 'none' ? '' : `, ${fault}`}): ${scenario.text}`);
  const site =
    wish.target === null
      ? await startSite({
          topology: order.topology,
          fault: order.planned.at(0)?.what ?? 'none',
          binary: wish.binary,
          limits: wish.limits,
          settings: scenario.server,
          directory,
        })
      : await visitSite(wish.target);
  let keep = true;
  try {
    const result = await runAt(site, order, { directory, startedAt, runId: startedAt.getTime().toString(36) });
    keep = wish.keep || !result.verdict.passed;
    const file = path.join(directory, 'result.json');
    await writeFile(file, JSON.stringify(result));
    return { file, result };
  } finally {
    await endSite(site, keep);
    if (keep && site.stores !== null) say(`the journal and the tables are kept in ${site.stores.directory}`);
  }
}

/** @param {Site} site @param {Order} order @param {Occasion} occasion */
async function runAt(site, order, occasion) {
  const { scenario, load, fault, tool, planned } = order;
  const { startedAt } = occasion;
  const made = await makeLoad(site, order, occasion);
  const { points, told, injected, brokenBy, samples } = made;
  if (brokenBy === null) say('waiting until the server has nothing left to do …');
  const caughtUpAfterSeconds = brokenBy === null ? await settle(site.url, site.token, site.server !== null) : null;
  say('checking every promise …');
  const stored = await askStores(site, told, made.acknowledged);
  // Where the load is raised until something gives way, crossing a threshold is how it ends.
  const thresholds = load.steps !== null ? [] : told.thresholds;
  const verdict = judge({
    ...stored,
    thresholds,
    caughtUpAfterSeconds,
    points,
    fault,
    expectation: scenario.expectation,
    planned: planned.length,
    injected: injected.length,
    brokenBy,
    isOwnSize: OWN_SIZE.every((name) => !process.env[name]),
    lastGoodRate: told.summary.breakingPoint?.lastGoodRate ?? null,
    prepared: told.prepared,
    acknowledged: made.acknowledged,
    generatorComplete: told.complete,
    dropped: told.dropped,
    isRaised: load.steps !== null,
  });
  const checks = [...verdict.checks, ...order.more(samples, points)];
  const [start, accounts] = [points.start ?? startedAt.getTime(), [...stored.accounts.values()]];
  const soldOut = accounts.length > 0 && accounts.every(({ stocked, sold }) => stocked === sold);
  const seenSamples = since(samples, start, points.end);
  const series = points.series();
  const here = isHere(site.url);
  const machine = describe(here);
  const coresUsedByOthers = usedByOthers(seenSamples, machine.cores, here);
  return {
    schema: 1,
    scenario: scenario.name,
    title: scenario.title,
    text: scenario.text,
    tool,
    startedAt: startedAt.toISOString(),
    seconds: round(points.seconds),
    size: load.size,
    load: toldLoad(load),
    topology: site.server === null ? 'target' : order.topology,
    fault,
    faults: injected.map((one) => ({ ...one, at: round((one.at - start) / 1000) })),
    limiter: site.description.configuration['limits.enabled'] === true,
    machine: { ...machine, fileSystem: site.fileSystem, coresUsedByOthers },
    server: site.description,
    verdict: { passed: checks.every(({ passed }) => passed), checks },
    expectation: scenario.expectation.text,
    published: scenario.published,
    totals: points.totals(soldOut),
    latency: points.latency(),
    series,
    samples: thinned(withFirstStock(seenSamples, told.prepared)),
    caughtUpAfterSeconds,
    breakingPoint: breakingPointOf(
      told.summary.breakingPoint ?? null,
      load.duration,
      seenSamples,
      points.latencies.get('success') ?? [],
      { cores: machine.cores, isHere: here },
    ),
  };
}

/**
 * The sampler finds the products a moment after the first customer; what they had before is known.
 * @param {import('./sampler.mjs').Sample[]} samples
 * @param {import('./generator.mjs').Prepared[]} prepared
 */
function withFirstStock([first, ...others], prepared) {
  if (first === undefined || first.at > 0) return first === undefined ? [] : [first, ...others];
  const shown = new Set(others.flatMap(({ stock }) => stock.map(({ productId }) => productId)));
  const stock = prepared
    .filter(({ product }) => shown.has(product))
    .map(({ product, units }) => ({ productId: product, available: units, held: 0, sold: 0 }));
  return [{ ...first, stock }, ...others];
}

/** An hour of samples is more than anybody can see. @template Entry @param {Entry[]} samples */
function thinned(samples) {
  const every = Math.ceil(samples.length / SAMPLES_MAX);
  return samples.filter((_, index) => index % every === 0);
}

/** @param {string} url */
function isHere(url) {
  return ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname);
}

/**
 * Lets the customers come, and does to the server what is planned.
 * @param {Site} site
 * @param {Order} order
 * @param {Occasion} occasion
 */
async function makeLoad(site, { scenario, load, wish, fault, tool, planned, environment: more }, { directory, runId }) {
  const points = new Points();
  const environment = {
    BASE_URL: site.url,
    SIZE: wish.size,
    FAULT: fault,
    RUN_ID: runId,
    ...site.environment,
    ...more,
    ACKNOWLEDGED_FILE: path.join(directory, 'acknowledged.txt'),
  };
  const start = tool === 'k6' ? startK6 : startArtillery;
  const scratch = await temporaryFolder('lastunit-generator-');
  const generator = await start({ scenario: scenario.name, directory, scratch, environment, points });
  const sampler = new Sampler({
    url: site.url,
    serverPid: () => site.server?.pid ?? null,
    generatorPid: generator.pid,
    token: site.token,
    search: site.server === null ? runId : null,
    dataDirectory: site.stores?.dataDirectory ?? null,
  });
  const progress = new Progress(points, sampler, secondsOf(load));
  let isOver = false;
  const faults =
    site.server === null || site.stores === null
      ? Promise.resolve([])
      : inject(
          planned,
          { server: site.server, stores: site.stores },
          { start: () => points.start, isOver: () => isOver, say },
        );
  /** @type {string|null} */
  let brokenBy = null;
  const undone = faults.catch((error) => {
    if (!(error instanceof CannotRun)) throw error;
    // A fault that cannot be undone ends the run: customers would only wait for nothing.
    brokenBy = error.message;
    generator.stop();
    return [];
  });
  let told, injected;
  try {
    [told, injected] = await Promise.all([generator.finished.finally(() => (isOver = true)), undone]);
  } finally {
    progress.stop();
    await sampler.stop();
    await endFolder(scratch, false);
  }
  const file = path.join(directory, 'acknowledged.txt');
  const text = existsSync(file) ? await readFile(file, 'utf8') : '';
  if (told.prepared.length === 0) {
    const log = await readFile(path.join(directory, 'load.log'), 'utf8').catch(() => '');
    throw new CannotRun(`the script prepared no products; the end of its output:\n${(text + log).slice(-1500)}`);
  }
  return { points, told, injected, brokenBy, samples: sampler.samples, acknowledged: parseAcknowledged(text) };
}

/**
 * What journal and tables say, or the API of a server that somebody else runs.
 * @param {Site} site
 * @param {Told} told
 * @param {import('./acknowledged.mjs').Acknowledged[]} acknowledged
 */
async function askStores(site, told, acknowledged) {
  const limits = new Map(told.prepared.map(({ product, limit }) => [product, limit]));
  const ids = told.prepared.map(({ product }) => product);
  if (site.server === null) {
    return {
      accounts: await accountsOf(site.url, site.token, ids),
      find: await lookUp(site.url, site.token, acknowledged),
      aboveLimit: aboveLimit(acknowledged, limits),
      audit: null,
      stoppedWell: null,
    };
  }
  const stoppedWell = await site.server.stop();
  const ledger = new Ledger();
  await site.server.facts((fact) => ledger.hear(fact));
  return {
    accounts: new Map(ids.map((id) => [id, ledger.product(id)])),
    find: (/** @type {import('./acknowledged.mjs').Acknowledged} */ line) => ledger.find(line.order, line.product),
    aboveLimit: ledger.aboveLimit(limits),
    audit: await site.server.audit(),
    stoppedWell,
  };
}
