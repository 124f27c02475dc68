// Pages: each is whole in itself, and whatever stood in the result is text in it.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { breakingPoint, HOSTILE, hostile, result, writeResult, writeSuite } from './fixtures.mjs';
import { runPage, writeRunReport } from './run.mjs';
import { writeSuiteReport } from './suite.mjs';

const execute = promisify(execFile);
const program = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'report-pages-'));
});
after(() => rm(folder, { recursive: true }));

/** The page without its scripts, whose source is not what it shows. @param {string} page */
const shown = (page) => page.replace(/<script[\s\S]*?<\/script>/g, '').replace(/<style[\s\S]*?<\/style>/, '');

test('the report of a run says everything', async () => {
  const run = result({ crashAt: 4.2, change: { breakingPoint: breakingPoint() } });
  const file = await writeRunReport(await writeResult(folder, 'run', run));
  assert.equal(file, join(folder, 'run', 'report.html'));
  assert.deepEqual((await readdir(join(folder, 'run'))).sort(), ['report.html', 'result.json']);
  const page = shown(await readFile(file, 'utf8'));
  const texts = ['Passed', 'All 3 checks held.', 'exactly the stock was sold', 'limiter off', 'fault: crash', 'kill -9', '5 sold', 'exactly 400 successes'];
  const more = ['Example CPU', 'sqlite://data/journal.db', 'goodput', 'Refusals by reason', 'Batch size', 'Projection lag', 'Gave way at 1,600'];
  for (const text of [...texts, ...more]) assert.ok(page.includes(text), text);
});

test('a failed check comes first, and the page says failed', async () => {
  const checks = [{ name: 'held', passed: true }, { name: 'broken', passed: false, expected: 5, actual: 4, why: 'One was lost.' }];
  const page = shown(await runPage(result({ change: { verdict: { passed: true, checks } } })));
  assert.match(page, /<strong>Failed<\/strong><p>1 of 2 checks failed: broken\./);
  assert.ok(page.indexOf('>broken<') < page.indexOf('>held<'));
  assert.match(page, /expected 5, found <b>4<\/b>/);
});

test('what spoils the numbers is said where they are', async () => {
  const machine = { cores: 2, fileSystem: 'tmpfs', coresUsedByOthers: 0.9, loadGeneratorOnSameMachine: false };
  const run = result({ change: { machine, samples: [{ at: 0, cpu: 1, machineCpu: 0.5 }] } });
  const page = shown(await runPage(run));
  for (const text of ['data-tone="warn">something else used 0.9 of 2 cores', 'tmpfs, in memory', 'Machine of the load generator', 'whole machine of the generator']) {
    assert.ok(page.includes(text), text);
  }
  assert.match(shown(await runPage({ ...run, topology: 'postgres-journal' })), />Postgres and others used 0\.9/);
  const calm = shown(await runPage(result({ change: { machine: { ...machine, coresUsedByOthers: 0.7 } } })));
  assert.doesNotMatch(calm, /latencies say little/);
  await writeResult(folder, 'disturbed', run);
  const suite = await readFile(await writeSuiteReport(await writeSuite(folder, ['disturbed'], true)), 'utf8');
  assert.match(suite, /Load generator on 2 cores, stores on tmpfs\./);
  assert.match(suite, /something else used 0\.9 of 2 cores/);
});

test('a number of the load generator is not called one of the server', async () => {
  const point = { ...breakingPoint(), gaveWay: 'The load generator gave way first.' };
  const page = async (/** @type {boolean} */ generatorFirst) => shown(await runPage(result({ change: { breakingPoint: { ...point, generatorFirst } } })));
  assert.match(await page(true), />Breaking point of the load generator, not of the server<\/h2>\n<p class="verdict" data-tone="warn"><span>The load generator gave way first\./);
  assert.match(await page(false), />Breaking point<\/h2>/);
});

test('a rate of a few sales is a dash', async () => {
  const totals = { ...result().totals, goodputUntilSoldOutPerSecond: null };
  const page = shown(await runPage(result({ change: { totals } })));
  assert.match(page, /<dt>goodput<\/dt><dd>–<\/dd><dd>too few sales to say<\/dd>/);
});

test('a limiter that was on is said loudly', async () => {
  assert.match(shown(await runPage(result({ change: { limiter: true } }))), /data-tone="warn">limiter on/);
});

test('nothing of the page comes from elsewhere', async () => {
  const page = await runPage(result());
  assert.doesNotMatch(shown(page), /(src|href)="(?!#main|data:,)/);
  assert.match(page, /Content-Security-Policy" content="default-src &#39;none&#39;/);
  assert.match(page, /The MIT License|MIT License/, 'the licence of the drawing library is in it');
});

test('hostile texts stay texts', async () => {
  const page = await runPage(hostile());
  assert.ok(!page.includes(HOSTILE));
  assert.equal(page.match(/<script/g)?.length, 2);
  assert.equal(page.match(/<\/script/g)?.length, 2);
  assert.doesNotMatch(shown(page), /<img/);
  const data = page.match(/<script type="application\/json" id="data">(.*?)<\/script>/s)?.[1] ?? '';
  assert.ok(JSON.stringify(JSON.parse(data)).includes('onerror'), 'they are there all the same');
});

test('a run without series, samples or latencies still has a report', async () => {
  const page = await runPage(result({ change: { series: null, samples: null, latency: null, machine: null, server: null, published: null, load: null } }));
  assert.match(page, /No answer was timed\./);
  assert.doesNotMatch(page, /<script/);
  assert.doesNotMatch(page, /undefined|NaN|\[object/);
});

test('the suite has a row a run, links to the reports and says what failed', async () => {
  const lost = result({ change: { title: 'Lost', verdict: { passed: false, checks: [{ name: 'nothing lost', passed: false }] } } });
  for (const [name, run] of Object.entries({ good: result(), lost, hostile: hostile() })) await writeRunReport(await writeResult(folder, name, run));
  const file = await writeSuiteReport(await writeSuite(folder, ['good', 'lost', 'hostile', 'absent'], true));
  const page = await readFile(file, 'utf8');
  assert.match(page, /<strong>Failed<\/strong><p>3 of 4 runs failed: Lost; /);
  assert.match(page, /href="\.\.\/good\/report\.html">Limited stock</);
  assert.match(page, /absent\/result\.json does not exist/);
  assert.equal(page.match(/<tr role="row" data-tone="(good|bad)"/g)?.length, 4);
  assert.doesNotMatch(page, /<script|<img|undefined|NaN/);
});

test('a suite passes when all of it passes, and not when it did not end', async () => {
  await writeResult(folder, 'good', result());
  const written = async (/** @type {string[]} */ names, /** @type {boolean} */ passed) => readFile(await writeSuiteReport(await writeSuite(folder, names, passed)), 'utf8');
  assert.match(await written(['good', 'good'], true), /<strong>Passed<\/strong><p>All 2 runs passed\./);
  assert.match(await written(['good'], false), /<strong>Failed<\/strong>/);
  assert.match(await written([], true), /<strong>Failed<\/strong><p>The suite has no runs/);
});

test('a suite names what could not be run, and why', async () => {
  await writeResult(folder, 'good', result());
  const failed = [{ scenario: 'single-unit', why: 'no <port> was free' }];
  const page = await readFile(await writeSuiteReport(await writeSuite(folder, ['good'], false, failed)), 'utf8');
  assert.match(page, /<strong>Failed<\/strong><p>1 of 2 runs failed: single-unit\./);
  assert.match(page, /single-unit could not be run/);
  assert.match(page, /no &lt;port&gt; was free/);
});

test('where every purchase is decided later, the suite shows how long the 202 took', async () => {
  const accept = { count: 10, p50: 1.25, p99: 7.5 };
  await writeResult(folder, 'later', result({ change: { latency: { success: null, refusal: null, accept } } }));
  const page = await readFile(await writeSuiteReport(await writeSuite(folder, ['later'], true)), 'utf8');
  assert.match(page, /1\.25 \/ 7\.50 \(202\)/);
});

test('the programs print the path, or one sentence', async () => {
  const place = await writeResult(folder, 'program', result());
  const done = await execute('node', [program('run.mjs'), place]);
  assert.equal(done.stdout, `${join(place, 'report.html')}\n`);
  await writeFile(join(place, 'result.json'), '{"schema":1,');
  for (const given of [[join(place, 'result.json')], [join(place, 'absent')], []]) {
    await assert.rejects(execute('node', [program('run.mjs'), ...given]), (/** @type {any} */ error) => {
      assert.equal(error.code, 2);
      assert.match(error.stderr, /^[^\n]+\n$/);
      return true;
    });
  }
});
