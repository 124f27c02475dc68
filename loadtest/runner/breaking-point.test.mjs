// Where it broke, and what gave way.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { breakingPointOf } from './breaking-point.mjs';

/** @param {Partial<import('./sampler.mjs').Sample>} change */
function sample(change) {
  const usual = { at: 0, cpu: 0.5, generatorCpu: 0.5, machineCpu: 0.5, commitP99: 5, purchaseP99: 8, eventsPerCommit: 5, inFlight: 3, sheddingLevel: 0 };
  return /** @type {import('./sampler.mjs').Sample} */ (/** @type {unknown} */ ({ ...usual, ...change }));
}

const STEPS = [
  { rate: 500, achieved: 500, p50: 1, p99: 5, errors: 0, neverCame: 0 },
  { rate: 1000, achieved: 700, p50: 90, p99: 400, errors: 0, neverCame: 0 },
];
const FOUND = { limit: 250, rate: 1000, lastGoodRate: 500, what: 'p99 of successes passed 250 ms', steps: STEPS };

const HERE = { cores: 2, isHere: true };

/**
 * The server and the rest in the seconds of the step that broke.
 * @param {Partial<import('./sampler.mjs').Sample>} change
 */
function brokeWith(change, found = FOUND, machine = HERE) {
  const point = breakingPointOf(found, 5, [sample({ at: 3 }), sample({ at: 8, ...change })], [], machine);
  assert.ok(point);
  return point;
}

test('what gave way is told from the step in which it broke', () => {
  assert.match(brokeWith({ commitP99: 200 }).gaveWay, /^500 a second were carried. Commits of the journal became slow/);
  assert.match(brokeWith({ machineCpu: 1, cpu: 1.4 }).gaveWay, /server used most of it/);
  assert.match(brokeWith({ machineCpu: 1 }).gaveWay, /something else on this machine/);
  assert.match(brokeWith({ sheddingLevel: 1 }).gaveWay, /turned requests away/);
  assert.match(brokeWith({}).gaveWay, /Nothing that was watched/);
  assert.equal(brokeWith({}).steps[0]?.cpu, 0.5);
  const waiting = { ...FOUND, steps: STEPS.map((step) => ({ ...step, neverCame: 60 })) };
  assert.match(brokeWith({}, waiting).gaveWay, /All customers of the load generator were waiting for answers/);
});

test('a generator that used most of a full machine gave way first, whatever else was slow', () => {
  const full = { machineCpu: 1, cpu: 0.3, generatorCpu: 1.4, commitP99: 200 };
  const point = brokeWith(full);
  assert.equal(point.generatorFirst, true);
  assert.match(point.gaveWay, /^The load generator gave way first, so 500 a second are a lower bound of the server: /);
  assert.match(point.gaveWay, /server used 0\.3 and the load generator 1\.4 of 2 cores\. By the server's own clock p99 of purchases was 8 ms/);
  const none = brokeWith(full, { ...FOUND, lastGoodRate: /** @type {any} */ (null) });
  assert.match(none.gaveWay, /so this run says nothing of the server/);
  const erring = { ...FOUND, steps: STEPS.map((step) => ({ ...step, errors: 3 })) };
  assert.equal(brokeWith(full, erring).generatorFirst, false, 'errors are answers of the server');
  assert.equal(brokeWith({ ...full, machineCpu: 0.8 }).generatorFirst, false, 'the machine had something left');
  assert.equal(brokeWith({ ...full, cpu: 1.5 }).generatorFirst, false);
});

test('a server elsewhere uses nothing of the machine of the generator', () => {
  const point = brokeWith({ machineCpu: 1, cpu: 6, generatorCpu: 1.8 }, FOUND, { cores: 2, isHere: false });
  assert.equal(point.generatorFirst, true);
  assert.match(point.gaveWay, /server used 6\.0 cores of its machine and the load generator 1\.8 of 2 cores of its own/);
});

test('with a fault the steps have the latencies of the points', () => {
  const [first, second] = STEPS.map((step) => ({ ...step, p50: null, p99: null }));
  const unmeasured = /** @type {typeof FOUND} */ (/** @type {unknown} */ ({ ...FOUND, steps: [first, second] }));
  const byHand = breakingPointOf(unmeasured, 2, [], [[1], [2], [300]], HERE);
  assert.deepEqual(
    byHand?.steps.map(({ p99 }) => p99),
    [2, 300],
  );
});

test('a load that is not raised has none, and a ladder may be too short', () => {
  assert.equal(breakingPointOf(null, 5, [], [], HERE), null);
  const short = breakingPointOf({ ...FOUND, rate: null, lastGoodRate: 1000 }, 5, [], [], HERE);
  assert.match(short?.gaveWay ?? '', /^1,000 a second were carried\. The ladder ended there/);
  assert.equal(short?.generatorFirst, false);
});
