// The verdict: a good run passes, and each broken promise fails the check that is about it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAcknowledged } from './acknowledged.mjs';
import { Points } from './points.mjs';
import { judge } from './verdict.mjs';

const LINES = 'acknowledged purchase 1-a 1 ann 1\nacknowledged purchase 1-b 1 bob 1\n';

/** Two units and three customers: two of them get one. */
function points() {
  const made = new Points();
  for (const at of [0, 10, 20]) made.add('arrivals', at, 1, { product: '1' });
  for (const at of [5, 15]) {
    made.add('successes', at, 1, {});
    made.add('success_latency', at, 5, {});
  }
  made.add('refusals', 25, 1, { code: 'sold-out', product: '1' });
  made.add('refusal_latency', 25, 1, {});
  return made;
}

/** @param {Partial<import('./verdict.mjs').Facts>} change @returns {import('./verdict.mjs').Facts} */
function facts(change = {}) {
  return {
    expectation: {
      text: '2 successes',
      sold: 'min(stock, demand)',
      refusals: ['sold-out'],
      latency: [{ of: 'success', percentile: 99, below: 250 }],
    },
    fault: 'none',
    planned: 0,
    injected: 0,
    prepared: [{ product: 1, units: 2, limit: 0, demand: null }],
    accounts: new Map([[1, { stocked: 2, sold: 2, held: 0 }]]),
    points: points(),
    acknowledged: parseAcknowledged(LINES),
    find: ({ order }) => ({ customer: order === 'a' ? 'ann' : 'bob', units: 1, state: 'sold' }),
    aboveLimit: [],
    audit: { ok: true, facts: 3, findings: [], database: { compared: true } },
    caughtUpAfterSeconds: 0.2,
    stoppedWell: true,
    generatorComplete: true,
    dropped: 0,
    isRaised: false,
    isOwnSize: true,
    lastGoodRate: null,
    brokenBy: null,
    thresholds: [{ name: 'errors count==0', passed: true }],
    ...change,
  };
}

/** @param {Partial<import('./verdict.mjs').Facts>} change */
function failing(change) {
  return judge(facts(change))
    .checks.filter(({ passed }) => !passed)
    .map(({ name }) => name);
}

/** @param {(made: Points) => void} more */
function pointsWith(more) {
  const made = points();
  more(made);
  return made;
}

test('a run in which every promise was kept passes', () => {
  assert.deepEqual(failing({}), []);
  assert.equal(judge(facts()).passed, true);
});

const SOLD = 'exactly what there was and was asked for is sold';
const ANSWERS = 'success answers are the units sold';
const LOST = 'nothing acknowledged is lost or sold twice';
const HELD = 'no unit is left in a hold';
const ENOUGH = 'nobody is refused what there is enough of';
const ANSWERED = 'every customer got one definite answer';

test('each broken promise fails its own check', () => {
  /** @type {[string, string[], Partial<import('./verdict.mjs').Facts>][]} */
  const cases = [
    ['a finding', ['journal and tables keep every promise'], { audit: { ok: false, findings: [{ problem: 'torn' }] } }],
    [
      'tables not compared',
      ['journal and tables keep every promise'],
      { audit: { ok: true, database: { compared: false } } },
    ],
    ['a unit too many', [SOLD, ANSWERS], { accounts: new Map([[1, { stocked: 2, sold: 3, held: 0 }]]) }],
    ['a unit too few', [SOLD, ANSWERS], { accounts: new Map([[1, { stocked: 2, sold: 1, held: 0 }]]) }],
    ['held beyond the stock', [SOLD, HELD], { accounts: new Map([[1, { stocked: 2, sold: 2, held: 1 }]]) }],
    [
      'stock that appeared',
      ['the stock is what was put in', SOLD, ENOUGH],
      { accounts: new Map([[1, { stocked: 3, sold: 2, held: 0 }]]) },
    ],
    ['a lost answer', [LOST], { find: () => null }],
    [
      'above the limit',
      ['no customer is above the limit'],
      { aboveLimit: [{ product: 1, customer: 'ann', units: 2, limit: 1 }] },
    ],
    [
      'an answer nobody wrote down',
      [ANSWERS],
      { acknowledged: parseAcknowledged(LINES.repeat(1).split('\n')[0] ?? '') },
    ],
    [
      'a wrong refusal',
      ['customers are refused for the right reasons only'],
      {
        points: pointsWith((made) => {
          made.add('arrivals', 30, 1, { product: '1' });
          made.add('refusals', 30, 1, { code: 'rate-limited', product: '1' });
        }),
      },
    ],
    [
      'an error',
      [ANSWERED],
      {
        points: pointsWith((made) => {
          made.add('arrivals', 30, 1, { product: '1' });
          made.add('errors', 30, 1, { kind: 'no-answer' });
        }),
      },
    ],
    ['no outcome', [ANSWERED], { points: pointsWith((made) => made.add('arrivals', 30, 1, { product: '1' })) }],
    ['slow', ['p99 of success answers'], { points: pointsWith((made) => made.add('success_latency', 30, 300, {})) }],
    [
      'customers for something else',
      ['the load was made as planned'],
      { prepared: [{ product: 1, units: 2, limit: 0, demand: 4 }] },
    ],
    ['customers left out', ['the load was made as planned'], { dropped: 1 }],
    [
      'too many left out',
      ['the load was made as planned'],
      {
        dropped: 6,
        points: pointsWith((made) => {
          made.add('arrivals', 30, 1000, { product: '1' });
          made.add('refusals', 30, 1000, { code: 'sold-out', product: '1' });
        }),
      },
    ],
    ['a broken generator', ['the load was made as planned'], { generatorComplete: false }],
    ['a threshold', ["the script's own thresholds"], { thresholds: [{ name: 'checks rate==1', passed: false }] }],
    [
      'a fault that never came',
      ['the fault happened while customers came'],
      { fault: 'crash', planned: 3, injected: 2 },
    ],
    ['tables behind', ['the tables caught up with the journal'], { caughtUpAfterSeconds: null }],
    ['a rough end', ['the server stopped politely'], { stoppedWell: false }],
  ];
  for (const [title, names, change] of cases) assert.deepEqual(failing(change), names, title);
});

test('less demand than stock sells the demand', () => {
  const accounts = new Map([[1, { stocked: 9, sold: 2, held: 0 }]]);
  const prepared = [{ product: 1, units: 9, limit: 0, demand: null }];
  assert.deepEqual(failing({ accounts, prepared }), [SOLD, ENOUGH], 'somebody was refused while units were left');
  const two = new Points();
  for (const at of [0, 10]) {
    two.add('arrivals', at, 1, { product: '1' });
    two.add('successes', at, 1, {});
    two.add('success_latency', at, 5, {});
  }
  assert.deepEqual(failing({ accounts, prepared, points: two }), []);
});

test('whoever is refused for another reason was to be sold to all the same', () => {
  const limited = new Points();
  const expectation = { ...facts().expectation, refusals: ['customer-limit-reached'], latency: [] };
  for (const at of [0, 10]) {
    limited.add('arrivals', at, 1, { product: '1' });
    limited.add('refusals', at, 1, { code: 'customer-limit-reached', product: '1' });
  }
  const nothing = { points: limited, acknowledged: [], expectation };
  const accounts = new Map([[1, { stocked: 2, sold: 0, held: 0 }]]);
  assert.deepEqual(failing({ ...nothing, accounts }), [SOLD]);
  // Who is at the limit already comes for nothing that could be sold.
  const again = pointsWith((made) => {
    made.add('arrivals', 30, 1, { product: '1', units: '0' });
    made.add('refusals', 30, 1, { code: 'customer-limit-reached', product: '1' });
  });
  const refusals = ['sold-out', 'customer-limit-reached'];
  assert.deepEqual(failing({ points: again, expectation: { ...expectation, refusals } }), []);
});

test('everybody gets what is enough for everybody', () => {
  const expectation = { ...facts().expectation, sold: /** @type {const} */ ('demand'), refusals: [], latency: [] };
  const orders = new Points();
  for (const at of [0, 10]) orders.add('arrivals', at, 1, { lines: '1:1+2:3' });
  orders.add('successes', 0, 1, { units: '4' });
  orders.add('refusals', 10, 1, { code: 'payment-declined' });
  const one = 'acknowledged order 1-a 1 ann 1\nacknowledged order 1-a 2 ann 3\n';
  const prepared = [1, 2].map((product) => ({ product, units: 9, limit: 0, demand: null }));
  const accounts = new Map([1, 2].map((product) => [product, { stocked: 9, sold: product === 1 ? 1 : 3, held: 0 }]));
  const find = (/** @type {import('./acknowledged.mjs').Acknowledged} */ { units }) => ({
    customer: 'ann',
    units,
    state: /** @type {const} */ ('sold'),
  });
  const half = { expectation, points: orders, acknowledged: parseAcknowledged(one), prepared, accounts, find };
  assert.deepEqual(failing({ ...half, fault: 'crash', planned: 1, injected: 1 }), [
    SOLD,
    'customers are refused for the right reasons only',
  ]);
  const back = parseAcknowledged(`${one}acknowledged cancellation 1-a 1 ann 1\nacknowledged cancellation 1-a 2 ann 3\n`);
  const given = new Points();
  given.add('arrivals', 0, 1, { lines: '1:1+2:3' });
  given.add('successes', 0, 1, { units: '4' });
  const none = new Map([1, 2].map((product) => [product, { stocked: 9, sold: 0, held: 0 }]));
  const gone = () => ({ customer: 'ann', units: 1, state: /** @type {const} */ ('gone') });
  const checks = judge(facts({ ...half, points: given, acknowledged: back, accounts: none, find: gone })).checks;
  assert.equal(checks.find(({ name }) => name === SOLD)?.passed, true, 'what was given back is not sold');
});

test('what others have published must be passed, by runs of that size', () => {
  const expectation = { ...facts().expectation, rate: { of: /** @type {const} */ ('answers'), above: 88 } };
  assert.deepEqual(failing({ expectation }), ['answers a second']);
  assert.deepEqual(failing({ expectation, isOwnSize: false }), []);
  assert.deepEqual(failing({ expectation: { ...expectation, rate: { of: 'answers', above: 2 } } }), []);
  const steps = { ...expectation, rate: { of: /** @type {const} */ ('last good step'), above: 856 } };
  assert.deepEqual(failing({ expectation: steps, lastGoodRate: 500 }), ['purchases a second before it broke']);
  assert.deepEqual(failing({ expectation: steps, lastGoodRate: 1000 }), []);
});

test('a server that stays away after a fault fails the run', () => {
  const fault = { fault: 'crash', planned: 3, injected: 1, brokenBy: 'the server did not start' };
  const failed = failing({ ...fault, caughtUpAfterSeconds: null, stoppedWell: false });
  assert.ok(failed.includes('the server comes back after the fault'), failed.join());
});

test('an answer that must come and does not is no fast answer', () => {
  const expectation = { ...facts().expectation, latency: [{ of: /** @type {const} */ ('accept'), percentile: 95, below: 300 }] };
  assert.deepEqual(failing({ expectation }), ['p95 of accept answers']);
});

test('one customer of 200 may be left out', () => {
  const many = pointsWith((made) => {
    made.add('arrivals', 30, 1000, { product: '1' });
    made.add('refusals', 30, 1000, { code: 'sold-out', product: '1' });
  });
  assert.deepEqual(failing({ points: many, dropped: 5 }), []);
});

test('in a fault customers may be left out and wait longer', () => {
  const slow = pointsWith((made) => made.add('success_latency', 30, 3000, {}));
  assert.deepEqual(failing({ fault: 'crash', planned: 1, injected: 1, dropped: 2, points: slow }), []);
  assert.deepEqual(failing({ fault: 'crash', planned: 1, injected: 1, dropped: 4 }), ['the load was made as planned']);
});

test('a server that somebody else runs has no audit and no end', () => {
  const { passed, checks } = judge(facts({ audit: null, stoppedWell: null, caughtUpAfterSeconds: null }));
  assert.equal(passed, true);
  assert.equal(
    checks.some(({ name }) => name.includes('journal and tables') || name.includes('stopped')),
    false,
  );
});

test('raising the load may cut customers off, and no more are sold than that', () => {
  const cutOff = new Points();
  for (const at of [0, 10, 30]) cutOff.add('arrivals', at, 1, { product: '1' });
  for (const at of [5, 15]) {
    cutOff.add('successes', at, 1, {});
    cutOff.add('success_latency', at, 5, {});
  }
  const raised = {
    isRaised: true,
    points: cutOff,
    expectation: { ...facts().expectation, sold: /** @type {const} */ ('acknowledged') },
    prepared: [{ product: 1, units: 9, limit: 0, demand: null }],
  };
  assert.deepEqual(failing({ ...raised, accounts: new Map([[1, { stocked: 9, sold: 3, held: 0 }]]) }), []);
  assert.deepEqual(failing({ ...raised, accounts: new Map([[1, { stocked: 9, sold: 4, held: 0 }]]) }), [ANSWERS]);
  const enough = new Map([[1, { stocked: 9, sold: 2, held: 0 }]]);
  cutOff.add('errors', 30, 1, { kind: 'overloaded' });
  assert.deepEqual(failing({ ...raised, accounts: enough }), []);
  cutOff.add('errors', 30, 1, { kind: 'wrong-purchase' });
  assert.deepEqual(failing({ ...raised, accounts: enough }), [ANSWERED]);
});
