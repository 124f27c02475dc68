// What the command line accepts and refuses.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRun, parseSoak, topologyFor } from './arguments.mjs';
import { CannotRun } from './failure.mjs';

const SCENARIOS = ['single-unit', 'flash-sale'];

test('the defaults are a quick run with the limiter off', () => {
  assert.deepEqual(parseRun(['single-unit'], SCENARIOS), {
    scenario: 'single-unit',
    results: null,
    size: 'quick',
    target: null,
    tool: null,
    topology: null,
    fault: null,
    binary: null,
    limits: false,
    keep: false,
  });
});

test('every option is understood', () => {
  const parsed = parseRun(
    [
      'all',
      '--full',
      '--tool',
      'k6',
      '--topology',
      'postgres-journal',
      '--fault',
      'crash',
      '--limits',
      'on',
      '--keep',
    '--results',
    'here',
      '--binary',
      '/bin/true',
    ],
    SCENARIOS,
  );
  assert.deepEqual(parsed, {
    scenario: 'all',
    results: 'here',
    size: 'full',
    target: null,
    tool: 'k6',
    topology: 'postgres-journal',
    fault: 'crash',
    binary: '/bin/true',
    limits: true,
    keep: true,
  });
  assert.equal(parseRun(['--help'], SCENARIOS), 'help');
});

test('what cannot be is refused in one sentence', () => {
  for (const [words, sentence] of /** @type {[string[], RegExp][]} */ ([
    [[], /name one scenario/],
    [['flash-sale', 'single-unit'], /name one scenario/],
    [['nothing'], /there is no scenario nothing/],
    [['all', '--quick', '--full'], /exclude each other/],
    [['all', '--fault', 'flood'], /--fault is one of none, crash/],
    [['all', '--limits', 'maybe'], /--limits is one of on, off/],
    [['all', '--target', 'localhost'], /--target is an address/],
    [['all', '--target', 'http://localhost:1', '--fault', 'crash'], /leave --fault out/],
    [['all', '--target', 'http://localhost:1', '--topology', 'embedded'], /leave it out with --target/],
    [['all', '--fast'], /--fast/],
  ])) {
    assert.throws(
      () => parseRun(words, SCENARIOS),
      (error) => error instanceof CannotRun && sentence.test(error.message),
      words.join(' '),
    );
  }
});

test('a target is an address without a slash at its end', () => {
  const parsed = parseRun(['all', '--target', 'http://127.0.0.1:8080/'], SCENARIOS);
  assert.ok(parsed !== 'help' && parsed.target === 'http://127.0.0.1:8080');
});

test('a fault brings the topology that it needs, or says so', () => {
  assert.equal(topologyFor('none', null), 'embedded');
  assert.equal(topologyFor('crash', 'postgres-journal'), 'postgres-journal');
  assert.equal(topologyFor('database-away', null), 'local-journal-postgres');
  assert.equal(topologyFor('slow-disk', null), 'postgres-journal');
  assert.throws(() => topologyFor('slow-disk', 'embedded'), /needs --topology postgres-journal/);
});

test('a soak has a length', () => {
  const parsed = parseSoak(['--minutes', '5']);
  assert.ok(parsed !== 'help' && parsed.minutes === 5 && parsed.faultEveryMinutes === 4);
  assert.throws(() => parseSoak(['--minutes=-1']), /number of minutes/);
  assert.throws(() => parseSoak(['single-unit']), /options only/);
});
