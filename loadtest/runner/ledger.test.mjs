// The journal's account, and what customers were told beside it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { added, lost, parseAcknowledged, told } from './acknowledged.mjs';
import { Ledger } from './ledger.mjs';

/** @param {Record<string, any>[]} facts */
function ledgerOf(facts) {
  const ledger = new Ledger();
  for (const fact of facts) ledger.hear({ productId: 1, saleId: null, ...fact });
  return ledger;
}

const SALE = [
  { event: 'created', units: 5, limitPerCustomer: null },
  { event: 'adjusted', delta: 3 },
  { event: 'purchased', orderId: 'a', customerId: 'ann', quantity: 2 },
  { event: 'held', orderId: 'b', customerId: 'bob', quantity: 1 },
  { event: 'confirmed', orderId: 'b' },
  { event: 'held', orderId: 'c', customerId: 'cat', quantity: 1 },
  { event: 'expired', orderId: 'c' },
  { event: 'held', orderId: 'd', customerId: 'dan', quantity: 1 },
  { event: 'queued', orderId: 'e', customerId: 'eve', quantity: 1 },
  { event: 'refused', orderId: 'e' },
  { event: 'queued', orderId: 'f', customerId: 'fay', quantity: 1 },
  { event: 'purchased', orderId: 'f', customerId: 'fay', quantity: 1 },
  { event: 'cancelled', orderId: 'a', customerId: 'ann', quantity: 2 },
];

test('the ledger adds the facts up', () => {
  const { stocked, sold, held } = ledgerOf(SALE).product(1);
  assert.deepEqual({ stocked, sold, held }, { stocked: 8, sold: 2, held: 1 });
});

test('a line is found as it ended', () => {
  const ledger = ledgerOf(SALE);
  const states = ['a', 'b', 'c', 'd', 'e', 'f'].map((order) => ledger.find(order, 1)?.state);
  assert.deepEqual(states, ['gone', 'sold', 'gone', 'held', 'refused', 'sold']);
  assert.equal(ledger.find('a', 2), null);
});

test('limits hold for a product, and for each sale of it apart', () => {
  const buying = (/** @type {string} */ order, /** @type {number} */ quantity, /** @type {number|null} */ saleId) => ({
    event: 'purchased',
    orderId: order,
    customerId: 'ann',
    quantity,
    saleId,
  });
  const facts = [
    { event: 'created', units: 9, limitPerCustomer: 2 },
    { event: 'saleSet', saleId: 7, limitPerCustomer: 1 },
    buying('a', 2, null),
    buying('b', 1, 7),
  ];
  assert.deepEqual(ledgerOf(facts).aboveLimit(new Map()), []);
  assert.deepEqual(ledgerOf([...facts, buying('c', 1, 7)]).aboveLimit(new Map()), [
    { product: 1, customer: 'ann', units: 2, limit: 1 },
  ]);
  assert.equal(ledgerOf([...facts, buying('c', 1, null)]).aboveLimit(new Map()).length, 1);
  assert.equal(ledgerOf(facts).aboveLimit(new Map([[1, 1]])).length, 1, 'the limit as it was set up counts');
});

test('only whole lines of acknowledgements are read', () => {
  const lines = parseAcknowledged(
    'acknowledged purchase 12-ab-cd 12 ann 2\nsomething else\nacknowledged purchase 12-x\n',
  );
  assert.deepEqual(lines, [
    { kind: 'purchase', id: '12-ab-cd', order: 'ab-cd', product: 12, customer: 'ann', units: 2 },
  ]);
});

const LINES = parseAcknowledged(`acknowledged purchase 1-a 1 ann 2
acknowledged cancellation 1-a 1 ann 2
acknowledged confirmation 1-b 1 bob 1
acknowledged release 1-c 1 cat 1
acknowledged hold 1-d 1 dan 1
acknowledged accepted 1-e 1 eve 1
acknowledged accepted 1-f 1 fay 1
acknowledged purchase 1-f 1 fay 1
acknowledged adjustment 0 1 seller 3
`);

test('what was told is added up', () => {
  assert.deepEqual(told(LINES), { sold: 4, returned: 2, kept: new Map([[1, 2]]), declined: new Map([[1, 3]]) });
  assert.deepEqual(added(LINES), new Map([[1, 3]]));
});

test('nothing is lost where the store has what was told', () => {
  const ledger = ledgerOf(SALE);
  assert.deepEqual(
    lost(LINES, ({ order, product }) => ledger.find(order, product)),
    [],
  );
});

test('each kind of loss is found', () => {
  const ledger = ledgerOf([...SALE, { event: 'queued', orderId: 'g', customerId: 'gus', quantity: 1 }]);
  for (const line of [
    'purchase 1-z 1 ann 1',
    'purchase 1-b 1 ann 1',
    'purchase 1-b 1 bob 2',
    'purchase 1-d 1 dan 1',
    'accepted 1-g 1 gus 1',
    'release 1-b 1 bob 1',
    'purchase 1-a 1 ann 2',
    'unheard-of 1-b 1 bob 1',
  ]) {
    const found = lost(parseAcknowledged(`acknowledged ${line}`), ({ order, product }) => ledger.find(order, product));
    assert.equal(found.length, 1, line);
  }
  const twice = parseAcknowledged('acknowledged purchase 1-b 1 bob 1\nacknowledged purchase 1-b 1 bob 1\n');
  assert.equal(lost(twice, ({ order, product }) => ledger.find(order, product)).length, 1, 'one sale for two answers');
});
