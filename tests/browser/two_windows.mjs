// Two customers buy until nothing is left, and each sees what the other does.

import { api, assert, card, listed, product, says, scenario } from './kit.mjs';

await scenario(async (shop) => {
  const lamp = await product('Lamp', 3);
  const [ann, bob] = [await shop.open('/'), await shop.open('/')];
  const who = await Promise.all([ann, bob].map((page) => page.locator('#who').textContent()));
  assert(who[0] !== who[1], 'each browser is another customer');
  const buy = { name: 'Buy now: Lamp' };
  for (const [buyer, left] of /** @type {const} */ ([[ann, '2 left'], [bob, '1 left'], [ann, 'Sold out']])) {
    await card(buyer, lamp).getByRole('button', buy).click();
    await says(card(buyer, lamp).locator('.outcome'), 'Bought: 1 for $19.99.');
    for (const page of [ann, bob]) await says(card(page, lamp).locator('.left'), left);
  }
  for (const page of [ann, bob]) {
    assert(await card(page, lamp).getByRole('button', buy).isDisabled(), 'nothing is left to buy');
  }
  await says(ann.locator('#orders li').nth(1), '1 × Lamp');
  assert((await ann.locator('#orders li').count()) === 2, 'ann has bought two');
  assert((await bob.locator('#orders li').count()) === 1, 'bob has bought one');

  // Somebody who comes too late is told in one sentence, whatever their window shows.
  const cup = await product('Cup', 5);
  const late = await shop.open('/');
  shop.expected.push(/status of 409/);
  await late.getByRole('searchbox').fill('Cup');
  await says(card(late, cup).locator('.left'), '5 left');
  await api('POST', `/api/v1/products/${cup}/stock/adjustments`, { delta: -4, reason: 'broken' });
  await says(card(late, cup).locator('.left'), '1 left');
  await card(late, cup).getByLabel('Quantity of Cup').fill('2');
  await card(late, cup).getByRole('button', { name: 'Buy now: Cup' }).click();
  await says(card(late, cup).locator('.outcome[data-tone="bad"]'), '1 unit is left.');

  // The sale ends on the way: nobody pays another price than they saw.
  const bowl = await product('Bowl', 5);
  const products = [{ productId: bowl, price: { amount: 500, currency: 'USD' }, units: 2 }];
  const sale = await api('POST', '/api/v1/sales', { name: 'Bowls', endsAt: '2099-01-01T00:00:00.000Z', products });
  await listed('sales', sale.saleId);
  await ann.getByRole('searchbox').fill('Bowl');
  await says(card(ann, bowl).locator('.price'), '$5.00');
  await ann.route('**/api/v1/purchases', async (route) => {
    await api('POST', `/api/v1/sales/${sale.saleId}/end`);
    await route.continue();
  });
  await card(ann, bowl).getByRole('button', { name: 'Buy now: Bowl' }).click();
  await says(card(ann, bowl).locator('.outcome[data-tone="bad"]'), /\.$/);
  await says(card(ann, bowl).locator('.price'), '$19.99');
  await says(card(ann, bowl).locator('.left'), '5 left');
  assert((await ann.locator('#orders li').count()) === 2, 'ann has bought nothing more');

  // Something on the way eats the answer: clicking again does not buy again.
  shop.expected.push(/status of 502/);
  await ann.unroute('**/api/v1/purchases');
  const eat = (/** @type {import('playwright-core').Route} */ route) =>
    route.fetch().then(() => route.fulfill({ status: 502, body: 'nothing to read' }));
  await ann.route('**/api/v1/purchases', eat, { times: 1 });
  await card(ann, bowl).getByRole('button', { name: 'Buy now: Bowl' }).click();
  await says(card(ann, bowl).locator('.outcome'), 'The server answered 502: try again.');
  await says(card(ann, bowl).locator('.left'), '4 left');
  await card(ann, bowl).getByRole('button', { name: 'Buy now: Bowl' }).click();
  await says(card(ann, bowl).locator('.outcome'), 'Bought: 1 for $19.99.');
  await says(ann.locator('#orders li').first(), '1 × Bowl');
  await says(card(ann, bowl).locator('.left'), '4 left');
  assert((await ann.locator('#orders li').count()) === 3, 'ann has bought one bowl');

  // What is asked of nobody is refused before it is sent.
  await card(late, cup).getByLabel('Quantity of Cup').fill('0');
  await card(late, cup).getByRole('button', { name: 'Buy now: Cup' }).click();
  await says(card(late, cup).locator('.outcome'), 'whole number from 1 to 1000');
});
