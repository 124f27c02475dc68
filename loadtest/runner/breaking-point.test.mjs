// Where it broke, and what gave way.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { breakingPointOf } from './breaking-point.mjs';

/** @param {Partial<import('./sampler.mjs').Sample>} change */
function sample(change) {
  const usual = { at: 0, cpu: 0.5, generatorCpu: 0.5, machineCpu: 0.5, commitP99: 5, eventsPerCommit: 5, inFlight: 3, sheddingLevel: 0 };
  return /** @type {import('./sampler.mjs').Sample} */ (/** @type {unknown} */ ({ ...usual, ...change }));
}

const STEPS = [
  { rate: 500, achieved: 500, p50: 1, p99: 5, errors: 0, neverCame: 0 },
  { rate: 1000, achieved: 700, p50: 90, p99: 400, errors: 0, neverCame: 0 },
];
const FOUND = { limit: 250, rate: 1000, lastGoodRate: 500, what: 'p99 of successes passed 250 ms', steps: STEPS };

test('what gave way is told from the step in which it broke', () => {
  const at = (/** @type {Partial<import('./sampler.mjs').Sample>} */ second) =>
    breakingPointOf(FOUND, 5, [sample({ at: 3 }), sample({ at: 8, ...second })], [], 2);
  assert.match(at({ commitP99: 200 })?.gaveWay ?? '', /^500 a second were carried. Commits of the journal became slow/);
  assert.match(at({ machineCpu: 1, cpu: 0.5, generatorCpu: 1.4 })?.gaveWay ?? '', /load generator used most of it/);
  assert.match(at({ machineCpu: 1, cpu: 1.4, generatorCpu: 0.5 })?.gaveWay ?? '', /server used most of it/);
  assert.match(at({ machineCpu: 1, cpu: 0.5, generatorCpu: 0.5 })?.gaveWay ?? '', /something else on this machine/);
  assert.match(at({ sheddingLevel: 1 })?.gaveWay ?? '', /turned requests away/);
  assert.match(at({ inFlight: 49_000 })?.gaveWay ?? '', /commands in flight/);
  assert.equal(at({})?.steps[0]?.cpu, 0.5);
  const [first, second] = STEPS.map((step) => ({ ...step, p50: null, p99: null }));
  const unmeasured = /** @type {typeof FOUND} */ (/** @type {unknown} */ ({ ...FOUND, steps: [first, second] }));
  const byHand = breakingPointOf(unmeasured, 2, [], [[1], [2], [300]], 2);
  assert.deepEqual(
    byHand?.steps.map(({ p99 }) => p99),
    [2, 300],
  );
  assert.equal(breakingPointOf(null, 5, [], [], 2), null);
  assert.match(
    breakingPointOf({ ...FOUND, rate: null, lastGoodRate: 1000 }, 5, [], [], 2)?.gaveWay ?? '',
    /The ladder ended there/,
  );
});

