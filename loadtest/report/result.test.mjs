// Result: what is no complete result is refused, each with one sentence that says what is wrong.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { breakingPoint, hostile, result, writeResult, writeSuite } from './fixtures.mjs';
import { InputError, passed, readDocument, readRun, readSuite, runsOf } from './result.mjs';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'report-result-'));
});
after(() => rm(folder, { recursive: true }));

/** @param {string} text @param {string} [name] */
async function given(text, name = 'given.json') {
  const file = join(folder, name);
  await writeFile(file, text);
  return file;
}

/** @param {string} file @param {RegExp} sentence */
async function refused(file, sentence) {
  await assert.rejects(readDocument(file), (error) => {
    assert.ok(error instanceof InputError, String(error));
    assert.match(error.message, sentence);
    assert.doesNotMatch(error.message, /\n/);
    return true;
  });
}

/** A good result with one place changed. @param {string} path @param {unknown} value */
function changed(path, value) {
  const document = JSON.parse(JSON.stringify(result()));
  const names = path.split('.');
  const last = names.pop() ?? '';
  const place = names.reduce((inner, name) => inner[name], document);
  if (value === undefined) delete place[last];
  else place[last] = value;
  return JSON.stringify(document);
}

test('a result is read from its file and its folder, a suite from its folder', async () => {
  const place = await writeResult(folder, 'one', result({ change: { breakingPoint: breakingPoint() } }));
  assert.equal((await readRun(place)).result.scenario, 'limited-stock');
  assert.equal((await readRun(join(place, 'result.json'))).result.scenario, 'limited-stock');
  await writeResult(folder, 'hostile', hostile());
  const suite = await readSuite(await writeSuite(folder, ['one', 'hostile'], true));
  assert.deepEqual(runsOf(suite), ['one', 'hostile'].map((name) => join(folder, name, 'result.json')));
});

test('samples come in the order of time', async () => {
  const mixed = result();
  mixed.samples = [...(mixed.samples ?? [])].reverse();
  const times = ((await readRun(await writeResult(folder, 'mixed', mixed))).result.samples ?? []).map(({ at }) => at);
  assert.ok(times.length > 2);
  assert.deepEqual(times, [...times].sort((one, other) => one - other));
});

test('what may be missing may be missing, and fields of the future are no fault', async () => {
  const spare = result({ change: { series: null, samples: null, latency: null, published: null, machine: null, server: null, faults: null, load: null } });
  await readRun(await writeResult(folder, 'spare', /** @type {any} */ ({ ...spare, tomorrow: [1] })));
});

test('bad files are refused', async () => {
  await refused(join(folder, 'absent.json'), /absent\.json does not exist: give/);
  await mkdir(join(folder, 'empty'), { recursive: true });
  await refused(join(folder, 'empty'), /neither a result\.json nor a suite\.json/);
  const text = JSON.stringify(result());
  for (const part of [0, 1, 0.3, 0.99]) {
    await refused(await given(text.slice(0, Math.floor(part * (text.length - 1)))), /is no complete JSON: the run was stopped/);
  }
  await refused(await given('[]'), /holds no JSON object/);
  await refused(await given('{}'), /has no "schema"/);
  await refused(await given('{"schema":2}'), /has schema 2: this program reads schema 1/);
});

test('a wrong place is named', async () => {
  await refused(await given('{"schema":1}'), /not a complete result: scenario is missing/);
  await refused(await given(changed('verdict', undefined)), /verdict is missing/);
  await refused(await given(changed('verdict.passed', 'yes')), /verdict\.passed is not true or false/);
  await refused(await given(changed('verdict.checks', [{ name: 'a' }])), /verdict\.checks\[0\]\.passed is missing/);
  await refused(await given(changed('totals.successes', '5')), /totals\.successes is not a number/);
  await refused(await given(changed('totals.refusals', [])), /totals\.refusals is not an object/);
  await refused(await given(changed('series.arrivals', [1, '2'])), /series\.arrivals\[1\] is not a number/);
  await refused(await given(changed('series.stepSeconds', 0)), /series\.stepSeconds is not a number above 0/);
  await refused(await given(changed('samples', [{ at: 1, cpu: 'all' }])), /samples\[0\]\.cpu is not a number/);
  await refused(await given(changed('limiter', undefined)), /limiter is missing/);
  await refused(await given('{"schema":1,"runs":[1],"startedAt":"x","seconds":1,"passed":true}'), /not a complete suite: runs\[0\] is not text/);
});

test('a run is no suite, and a suite no run', async () => {
  const one = await writeResult(folder, 'one', result());
  await assert.rejects(readSuite(one), /is one run: give the suite\.json/);
  await assert.rejects(readRun(await writeSuite(folder, ['one'], true)), /is a suite: give the result\.json/);
});

test('a verdict that its checks contradict, or without checks, has not passed', () => {
  const good = result();
  assert.equal(passed(good), true);
  assert.equal(passed({ ...good, verdict: { passed: false, checks: good.verdict.checks } }), false);
  assert.equal(passed({ ...good, verdict: { passed: true, checks: [] } }), false);
  assert.equal(passed({ ...good, verdict: { passed: true, checks: [{ name: 'a', passed: false }] } }), false);
});
