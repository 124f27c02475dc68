// Compare: what is worse is found, what is noise is not, and what was not run alike is not compared.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compare, statusOf } from './comparison.mjs';
import { breakingPoint, HOSTILE, hostile, random, result, writeResult, writeSuite } from './fixtures.mjs';
import { judge } from './noise.mjs';

/** @typedef {import('./schema.mjs').Result} Result */

const program = fileURLToPath(new URL('../compare', import.meta.url));

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'report-compare-'));
});
after(() => rm(folder, { recursive: true }));

/** @param {string[]} given */
function run(...given) {
  const { status, stdout, stderr } = spawnSync(program, given, { encoding: 'utf8', cwd: folder });
  return { status, stdout, stderr };
}

/** @param {Result[]} a @param {Result[]} b @param {string} name */
function row(a, b, name) {
  const found = compare(a, b, 0.15).comparisons[0]?.rows.find(({ metric }) => metric.name === name);
  assert.ok(found, name);
  return found;
}

const seeds = (/** @type {number} */ from, /** @type {object} */ options = {}) => [0, 1, 2].map((more) => result({ seed: from + more, ...options }));

test('the same run twice has no regression', () => {
  const outcome = compare([result()], [result()], 0.15);
  assert.equal(statusOf(outcome), 0);
  assert.ok(outcome.comparisons[0]?.rows.every(({ judgement }) => ['within noise', 'not judged'].includes(judgement.word)));
});

test('slower by 40 % is worse, faster is better', () => {
  const [fast, slow] = [result({ seed: 1 }), result({ seed: 2, slower: 1.4 })];
  assert.equal(row([fast], [slow], 'successes p99').judgement.word, 'worse');
  assert.equal(row([slow], [fast], 'successes p99').judgement.word, 'better');
  assert.equal(statusOf(compare([fast], [slow], 0.15)), 1);
  assert.equal(statusOf(compare([slow], [fast], 0.15)), 0);
});

test('without repeats a difference of less than 15 % is noise', () => {
  assert.equal(row([result()], [result({ slower: 1.1 })], 'successes p99').judgement.word, 'within noise');
  assert.equal(row([result()], [result({ slower: 1.2 })], 'successes p99').judgement.word, 'worse');
});

test('repeats find what the bound does not, and forgive what they show to be noise', () => {
  const judged = row(seeds(1), seeds(11, { slower: 1.08 }), 'refusals p99').judgement;
  assert.deepEqual([judged.word, judged.repeats], ['worse', true]);
  const metric = { name: 'x', unit: 'ms', better: /** @type {const} */ ('lower'), value: null };
  assert.equal(judge(metric, [10, 30, 20], [24, 36, 15], Infinity, 0.15).word, 'within noise');
  assert.equal(judge(metric, [20], [25], Infinity, 0.15).word, 'worse');
});

test('repeats of one server are seldom called different', () => {
  const chance = random(7);
  const metric = { name: 'x', unit: 'ms', better: /** @type {const} */ ('lower'), value: null };
  const three = () => [0, 0, 0].map(() => 10 + (chance() + chance() + chance() - 1.5) * 2);
  const flagged = Array.from({ length: 2000 }, () => judge(metric, three(), three(), Infinity, 0.15)).filter(({ word }) => word !== 'within noise');
  assert.ok(flagged.length < 50, `${flagged.length} of 2000`);
});

test('percentiles from fewer than 100 values are never flagged', () => {
  const few = (/** @type {number} */ slower) => result({ stock: 60, slower });
  assert.equal(row([few(1)], [few(5)], 'successes p99').judgement.word, 'not judged');
  assert.match(row([few(1)], [few(5)], 'successes p50').judgement.why, /only 60 values/);
  assert.equal(row([few(1)], [few(5)], 'refusals p99').judgement.word, 'worse');
  assert.equal(row([result()], [result({ slower: 5 })], 'successes max').judgement.word, 'not judged');
  assert.equal(row([few(1)], [few(1)], 'goodput until sold out').judgement.why, 'only 60 values');
});

test('one failed check among repeats is a regression, and an error where there was none', () => {
  const bad = result({ change: { verdict: { passed: false, checks: [{ name: 'a', passed: false }] } } });
  assert.equal(row(seeds(1), [result(), bad, result()], 'checks that failed').judgement.word, 'worse');
  const totals = result().totals;
  const erring = result({ change: { totals: { ...totals, errors: { 'no-answer': 0, 'status-500': 1 } } } });
  assert.equal(row([result()], [erring], 'errors: status-500').judgement.word, 'worse');
  assert.equal(row([erring], [result()], 'errors: status-500').judgement.word, 'better');
});

test('a lower breaking point is worse', () => {
  const at = (/** @type {number | null} */ rate) => result({ change: { breakingPoint: { ...breakingPoint(), rate } } });
  assert.equal(row([at(1200)], [at(400)], 'breaking point').judgement.word, 'worse');
  assert.equal(row([at(400)], [at(null)], 'breaking point').judgement.word, 'better');
});

test('what the load generator could send is no number of the server', () => {
  const at = (/** @type {number} */ rate) => result({ change: { breakingPoint: { ...breakingPoint(), rate, generatorFirst: true } } });
  const judged = row([at(2500)], [at(1000)], 'where the load generator gave way').judgement.word;
  assert.equal(judged, 'changed');
  assert.equal(statusOf(compare([at(2500)], [at(1000)], 0.15)), 0);
});

test('what was run differently is not compared, and it is said how', () => {
  /** @type {[Partial<Result>, RegExp][]} */
  const changes = [
    [{ scenario: 'flash-sale' }, /the scenario is limited-stock in A and flash-sale in B/],
    [{ size: 'full' }, /the size is quick in A and full in B/],
    [{ topology: 'target' }, /the topology is embedded in A and target in B/],
    [{ limiter: true }, /the limiter is off in A and on in B/],
    [{ fault: 'crash' }, /the fault is none in A and crash in B/],
    [{ tool: 'artillery' }, /the tool is k6 in A and artillery in B/],
    [{ load: { rate: 5 } }, /the load is users 2500, rate 125, duration 20, stock 400 in A and rate 5 in B/],
    [{ load: { steps: [500, 1000], latencyLimit: 250 } }, /in A and steps 500, 1000, limit of p99, ms 250 in B/],
  ];
  for (const [change, words] of changes) {
    const outcome = compare([result()], [result({ change })], 0.15);
    assert.equal(statusOf(outcome), 2);
    assert.match(outcome.unmatched.join('\n'), words);
  }
});

test('ladders, stages and limits that differ are not the same load', () => {
  const under = (/** @type {Result['load']} */ load) => result({ change: { load } });
  const ladder = { steps: [500, 1000], stages: null, latencyLimit: 250 };
  assert.equal(statusOf(compare([under(ladder)], [under({ ...ladder })], 0.15)), 0);
  const stages = { stages: [{ seconds: 5, rate: 200 }, { seconds: 8, users: 50, hold: true }, { seconds: 8, users: 100 }] };
  for (const other of [{ ...ladder, steps: [500, 1500] }, { ...ladder, latencyLimit: 90 }, stages]) {
    assert.equal(statusOf(compare([under(ladder)], [under(other)], 0.15)), 2, JSON.stringify(other));
  }
  const words = compare([under(ladder)], [under(stages)], 0.15).unmatched.join();
  assert.match(words, /stages 200\/s for 5 s, 50 users for 8 s, to 100 users in 8 s in B/);
});

test('the program: exit status, terminal and page', async () => {
  for (const [name, written] of Object.entries({ a: result(), same: result({ seed: 2 }), slow: result({ slower: 2 }), other: result({ change: { size: 'full' } }), hostile: hostile() })) {
    await writeResult(folder, name, written);
  }
  const same = run('a', 'same/result.json');
  assert.equal(same.status, 0, same.stderr);
  assert.match(same.stdout, /successes p99 +7\.90 ms +\d/);
  assert.match(same.stdout, /No regression\./);
  assert.match(same.stdout, /Noise is taken to be 15 % of A/);
  const slow = run('a', 'slow', '--html', 'compared.html');
  assert.equal(slow.status, 1);
  assert.match(slow.stdout, /worse than in A beyond noise: .*successes p99/);
  const page = await readFile(join(folder, 'compared.html'), 'utf8');
  assert.match(page, /<strong>Regression<\/strong>/);
  await writeResult(folder, 'busy', result({ change: { machine: { cores: 2, fileSystem: 'tmpfs', coresUsedByOthers: 1.5 } } }));
  const busy = run('a', 'busy', '--html', 'busy.html').stdout;
  assert.match(busy, /^In B something else used 1\.5 of 2 cores: latencies say little\.$/m);
  assert.match(busy, /Not the same machine: file system of the stores is – in A and tmpfs in B\./);
  assert.match(await readFile(join(folder, 'busy.html'), 'utf8'), /data-tone="warn">In B something else used 1\.5/);
  const other = run('a', 'other');
  assert.equal(other.status, 2);
  assert.match(other.stdout, /the size is quick in A and full in B/);
  const strange = run('hostile', 'hostile', '--html', 'hostile.html');
  assert.doesNotMatch(strange.stdout, /\u001b/);
  assert.ok(!(await readFile(join(folder, 'hostile.html'), 'utf8')).includes(HOSTILE));
});

test('the program: repeats, suites and a bound of its own', async () => {
  for (const [place, written] of seeds(1).entries()) await writeResult(folder, `r${place}`, written);
  assert.match(run('r0,r1,r2', 'r0,r1,r2').stdout, /estimated from 3 runs of A and 3 runs of B/);
  await writeResult(folder, 'crashed', result({ crashAt: 3 }));
  const suite = await writeSuite(folder, ['r0', 'crashed'], true);
  assert.equal(run(suite, suite).status, 0);
  const part = run(suite, 'r0');
  assert.equal(part.status, 2);
  assert.match(part.stdout, /B has no run of limited-stock \(.*fault crash/);
  await writeResult(folder, 'near', result({ seed: 1, slower: 1.1 }));
  assert.equal(run('r0', 'near').status, 0);
  assert.equal(run('r0', 'near', '--noise', '5').status, 1);
});

test('the program: bad input is one sentence', async () => {
  await writeResult(folder, 'a', result());
  for (const given of [['a'], ['a', 'absent'], ['a', 'a', '--noise', 'much'], ['a', 'a', '--what'], ['a', ','], ['a', 'a', '--html', 'no/such/folder.html']]) {
    const { status, stderr } = run(...given);
    assert.equal(status, 2, given.join(' '));
    assert.match(stderr, /^[^\n]+\n$/, given.join(' '));
  }
  assert.equal(run('--help').status, 0);
});

test('stores on another file system, another build and a busy machine are told', () => {
  const on = (/** @type {string} */ fileSystem, /** @type {number} */ coresUsedByOthers, /** @type {string} */ sha256) =>
    result({ change: { machine: { cores: 2, fileSystem, coresUsedByOthers }, server: { sha256 } } });
  const [comparison] = compare([on('tmpfs', 0.2, 'aa')], [on('ext4', 1.23, 'bb')], 0.15).comparisons;
  assert.deepEqual(comparison?.machine, [{ name: 'file system of the stores', a: 'tmpfs', b: 'ext4' }]);
  assert.deepEqual(comparison?.settings, [{ name: 'sha256', a: 'aa', b: 'bb' }]);
  assert.deepEqual(comparison?.disturbed, ['In B something else used 1.2 of 2 cores: latencies say little.']);
  const repeats = compare([on('ext4', 0, 'a'), on('ext4', 2, 'a')], [on('ext4', 0.7, 'a')], 0.15).comparisons[0];
  assert.deepEqual(repeats?.disturbed, ['In run 2 of A something else used 2.0 of 2 cores: latencies say little.']);
});

test('settings that differ are told, places are not', () => {
  const at = (/** @type {number} */ port, /** @type {number} */ batch) =>
    result({ change: { server: { version: '1', configuration: { 'server.listen': `127.0.0.1:${port}`, 'journal.batch': batch } } } });
  assert.deepEqual(compare([at(1, 5)], [at(2, 6)], 0.15).comparisons[0]?.settings, [{ name: 'journal.batch', a: '5', b: '6' }]);
});
