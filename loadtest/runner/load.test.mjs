// Which sizes a scenario can have, and what is said of those it cannot.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { scenarioOf, scenarios } from '../scenarios.mjs';
import { CannotRun } from './failure.mjs';
import { sizedLoad, toldLoad } from './load.mjs';

const single = scenarioOf('single-unit');

test('a size that cannot be is refused in one sentence that says what to do', () => {
  for (const [environment, sentence] of /** @type {[Record<string, string>, RegExp][]} */ ([
    [{ USERS: 'abc' }, /USERS is "abc": give a whole number above 0/],
    [{ USERS: '10.5' }, /USERS is "10\.5": give a whole number/],
    [{ STOCK: '2.5' }, /STOCK is "2\.5": give a whole number/],
    [{ STOCK: '-1' }, /STOCK is "-1": give a whole number/],
    [{ RATE: '0' }, /RATE is "0": give a number above 0/],
    [{ DURATION: 'Infinity' }, /DURATION is "Infinity": give a number/],
    [{ LATENCY_LIMIT: 'low' }, /LATENCY_LIMIT is "low": give a number/],
    [{ SIZE: 'huge' }, /SIZE is "huge": give quick or full/],
    [{ USERS: '100', RATE: '10', DURATION: '5' }, /leave one of the three out/],
  ])) {
    assert.throws(
      () => sizedLoad(single, environment),
      (error) => error instanceof CannotRun && sentence.test(error.message) && !error.message.includes('\n'),
      JSON.stringify(environment),
    );
  }
});

test('where everybody gets what they want there is enough of it', () => {
  const carts = scenarioOf('mixed-carts');
  assert.throws(() => sizedLoad(carts, { STOCK: '999' }), /STOCK is 999 and 1000 customers .* give 1000 or more/);
  assert.equal(sizedLoad(carts, { STOCK: '1000' }).stock, 1000);
});

test('two of users, rate and duration give the third', () => {
  const of = (/** @type {Record<string, string>} */ environment) => {
    const { users, rate, duration } = sizedLoad(single, environment);
    return [users, rate, duration];
  };
  assert.deepEqual(of({ USERS: '50', DURATION: '5' }), [50, 10, 5]);
  assert.deepEqual(of({ RATE: '10', DURATION: '5' }), [50, 10, 5]);
  assert.deepEqual(of({ USERS: '50', RATE: '10' }), [50, 10, 5]);
  assert.deepEqual(of({ USERS: '50', RATE: '10', DURATION: '5' }), [50, 10, 5]);
});

test('a ladder has whole rates that differ, and a limit', () => {
  const ladder = scenarioOf('breaking-point');
  assert.deepEqual(sizedLoad(ladder, { RATE: '7' }).steps, [7, 14, 21, 28, 35, 42, 56, 70, 84]);
  assert.deepEqual(sizedLoad(ladder, { RATE: '0.5' }).steps, [1, 2, 3, 4, 5, 6]);
  assert.equal(sizedLoad(ladder, {}).latencyLimit, 250);
  assert.equal(sizedLoad(ladder, { LATENCY_LIMIT: '90' }).latencyLimit, 90);
});

test('the result tells the whole load of every scenario', () => {
  for (const scenario of scenarios) {
    const { size, ...load } = sizedLoad(scenario, {});
    assert.equal(size, 'quick');
    assert.deepEqual(toldLoad({ size, ...load }), { ...load, accounts: load.accounts || null }, scenario.name);
  }
});

test('the program ends with its sentence, before it builds or starts anything', () => {
  const program = fileURLToPath(new URL('../run', import.meta.url));
  const environment = { ...process.env, USERS: 'many' };
  const { status, stderr } = spawnSync(program, ['single-unit'], { encoding: 'utf8', env: environment });
  assert.deepEqual(
    [status, stderr],
    [2, 'single-unit cannot be run: USERS is "many": give a whole number above 0, or leave it out.\n'],
  );
});
