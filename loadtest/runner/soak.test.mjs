// Schedule and growth of the long run, and the faults of short ones.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plan } from './faults.mjs';
import { Points } from './points.mjs';
import { parseSettings } from './server.mjs';
import { growthChecks, schedule } from './soak.mjs';
import { aboveLimit, understand } from './visit.mjs';

/** @param {Partial<import('./sampler.mjs').Sample>} change @returns {import('./sampler.mjs').Sample} */
function sample(change) {
  return {
    at: 0,
    stock: [],
    cpu: 0.5,
    memoryBytes: 100 << 20,
    openFiles: 60,
    generatorCpu: 0.5,
    machineCpu: 0.5,
    commitsPerSecond: 100,
    eventsPerCommit: 5,
    commitP99: 5,
    purchaseP99: 6,
    projectionLagSeconds: 0,
    queueDepth: 0,
    inFlight: 3,
    sheddingLevel: 0,
    connections: 10,
    dataBytes: 1 << 20,
    ...change,
  };
}

/** Ten minutes without a restart. @param {(minute: number) => Partial<import('./sampler.mjs').Sample>} change */
function tenMinutes(change) {
  return Array.from({ length: 120 }, (_, index) => sample({ at: index * 5000, ...change(index / 12) }));
}

function tenCustomersASecond() {
  const points = new Points();
  for (let second = 0; second < 600; second += 1) points.add('arrivals', second * 1000, 10, {});
  return points;
}

test('one process lives through the first half, and the second half kills', () => {
  const faults = schedule(3600, 240);
  const [first, second] = [
    faults.filter(({ atSeconds }) => atSeconds <= 1800),
    faults.filter(({ atSeconds }) => atSeconds > 1800),
  ];
  assert.ok(first.length > 0 && first.every(({ what }) => what === 'database-away'));
  assert.ok(second.filter(({ what }) => what === 'crash').length >= 4);
  assert.ok(second.some(({ what }) => what === 'database-away'));
  assert.ok(faults.every(({ atSeconds, seconds }) => atSeconds + seconds < 3600));
});

test('growth within what customers leave passes', () => {
  const checks = growthChecks(
    tenMinutes((minute) => ({ memoryBytes: (100 + minute) * (1 << 20) })),
    tenCustomersASecond(),
  );
  assert.deepEqual(
    checks.map(({ passed }) => passed),
    [true, true, true],
  );
});

test('each kind of growth beyond its bound fails', () => {
  const failed = (/** @type {(minute: number) => Partial<import('./sampler.mjs').Sample>} */ change) =>
    growthChecks(tenMinutes(change), tenCustomersASecond()).map(({ passed }) => !passed);
  assert.deepEqual(
    failed((minute) => ({ memoryBytes: (100 + 20 * minute) * (1 << 20) })),
    [true, false, false],
  );
  assert.deepEqual(
    failed((minute) => ({ openFiles: 60 + 10 * minute })),
    [false, true, false],
  );
  assert.deepEqual(
    failed((minute) => ({ openFiles: 60 + 10 * minute, connections: 10 + 10 * minute })),
    [false, false, false],
  );
  assert.deepEqual(
    failed((minute) => ({ dataBytes: minute * 40 * (1 << 20) })),
    [false, false, true],
  );
});

test('a restart begins another life, and short lives prove nothing', () => {
  const restarted = tenMinutes((minute) => ({ cpu: Math.round(minute * 12) % 12 === 0 ? null : 0.5 }));
  const [memory] = growthChecks(restarted, tenCustomersASecond());
  assert.equal(memory?.passed, false);
  assert.match(memory?.actual ?? '', /lived long enough/);
});

test('faults come while customers come', () => {
  assert.deepEqual(plan('none', 10, 'quick'), []);
  assert.equal(plan('crash', 5, 'quick').length, 1);
  assert.deepEqual(
    plan('crash', 20, 'quick').map(({ atSeconds }) => atSeconds),
    [0.6, 10, 16],
  );
  assert.equal(plan('database-away', 20, 'quick')[0]?.seconds, 10);
  assert.equal(plan('database-away', 20, 'full')[0]?.seconds, 30);
  assert.deepEqual(
    plan('slow-disk', 20, 'quick').map(({ atSeconds, seconds }) => atSeconds + seconds),
    [16],
  );
});

test('settings are read with their sections', () => {
  assert.deepEqual(
    parseSettings('data_dir = "./data"\n\n[limits]\nenabled = false\nburst = 10\n[server]\nnames = []\n'),
    { data_dir: './data', 'limits.enabled': false, 'limits.burst': 10, 'server.names': [] },
  );
});

test('what the API says of an order is a line of the ledger', () => {
  const order = { customerId: 'ann', status: 'confirmed', quantity: 2, productId: 1 };
  assert.deepEqual(understand(order, 1), { customer: 'ann', units: 2, state: 'sold' });
  assert.equal(understand(order, 2), null);
  assert.equal(understand(null, 1), null);
  const lines = [
    { productId: 1, quantity: 2, status: 'sold' },
    { productId: 3, quantity: 1, status: 'refunded' },
  ];
  assert.equal(understand({ ...order, lines }, 3)?.state, 'gone');
  const bought = [1, 2].map((id) => ({
    kind: 'purchase',
    id: String(id),
    order: '',
    product: 1,
    customer: 'ann',
    units: 1,
  }));
  assert.equal(aboveLimit(bought, new Map([[1, 1]])).length, 1);
  assert.equal(aboveLimit(bought, new Map([[1, 2]])).length, 0);
});
