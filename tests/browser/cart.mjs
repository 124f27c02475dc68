// A cart is filled, declined, paid, and paid later; a purchase waits in the queue.

import { api, card, product, says, scenario } from './kit.mjs';

await scenario(async (shop) => {
  const [tea, cup] = [await product('Tea', 10), await product('Cup', 10)];
  // One in two seconds, so that a position can be seen.
  await api('PUT', `/api/v1/products/${cup}/queue`, { drainPerSecond: 1 });
  const page = await shop.open('/');
  await card(page, tea).getByLabel('Quantity of Tea').fill('2');
  await card(page, tea).getByRole('button', { name: 'Cart: Tea' }).click();
  await card(page, cup).getByRole('button', { name: 'Cart: Cup' }).click();
  const cart = page.locator('#cart');
  await says(page.locator('#cart-total'), '$59.97');
  await cart.getByLabel('Quantity of Tea').fill('3');
  await cart.getByLabel('Quantity of Tea').press('Tab');
  await says(page.locator('#cart-total'), '$79.96');
  await cart.getByRole('button', { name: 'Remove Cup' }).click();
  await says(page.locator('#cart-total'), '$59.97');

  // Another window of the same browser changes the cart: nobody pays what they did not see.
  await page.evaluate(async (product) => {
    const headers = { 'X-Session-Id': localStorage.getItem('lastunit.cart') ?? '', 'Content-Type': 'application/json' };
    await fetch(`/api/v1/cart/items/${product}`, { method: 'PUT', headers, body: '{"quantity":4}' });
  }, tea);
  await page.getByRole('button', { name: 'Pay and order' }).click();
  await says(page.locator('#cart-outcome'), 'The cart has changed: look at it again, then pay.');
  await says(page.locator('#cart-total'), '$79.96');
  await cart.getByLabel('Quantity of Tea').fill('3');
  await cart.getByLabel('Quantity of Tea').press('Tab');
  await says(page.locator('#cart-total'), '$59.97');

  const pay = page.getByRole('button', { name: 'Pay and order' });
  const how = page.getByLabel('Simulated payment');
  const outcome = page.locator('#cart-outcome');
  shop.expected.push(/status of 402/);
  await how.selectOption('tok_declined');
  await pay.click();
  await says(outcome.and(page.locator('[data-tone="bad"]')), /declined.*\.$/);
  await says(page.locator('#cart li'), 'Tea');
  await says(card(page, tea).locator('.left'), '10 left');

  await how.selectOption('tok_ok');
  await pay.click();
  await says(outcome, 'Paid and ordered: $59.97.');
  await says(page.locator('#cart-none'), 'empty');
  await says(card(page, tea).locator('.left'), '7 left');
  await says(page.locator('#orders li').first(), 'bought');

  await card(page, tea).getByRole('button', { name: 'Cart: Tea' }).click();
  await says(page.locator('#cart li'), 'Tea');
  await how.selectOption('tok_pending');
  await pay.click();
  const order = page.locator('#orders li').first();
  await says(order, 'waits for payment');
  await order.getByRole('button', { name: 'Cancel' }).click();
  await says(order, 'cancelled');

  for (let place = 0; place < 3; place += 1) {
    await card(page, cup).getByRole('button', { name: 'Queue: Cup' }).click();
    await says(card(page, cup).locator('.outcome'), 'You are in the queue.');
  }
  await says(page.locator('#waiting li'), /Position \d+/);
  await says(page.locator('#waiting li').nth(2), 'Bought for $19.99.');
});
