// A hold counts down, is confirmed, released, or runs out by the server's clock.

import { api, assert, card, live, product, says, scenario } from './kit.mjs';

await scenario(async (shop) => {
  const chair = await product('Chair', 2);
  const page = await shop.open('/');
  const hold = card(page, chair).getByRole('button', { name: 'Hold: Chair' });
  await hold.click();
  const held = page.locator('#holds li').first();
  await says(held.locator('.left'), /^0[12]:\d\d$/);
  await says(card(page, chair).locator('.left'), '1 left');
  const before = await held.locator('.left').textContent();
  await says(held.locator('.left'), new RegExp(`^(?!${before})`));

  // It is still there for whoever comes back.
  await page.reload();
  await live(page);
  await says(held, '1 × Chair');
  await held.getByRole('button', { name: 'Confirm' }).click();
  await says(held.locator('.outcome'), 'Bought for $19.99.');
  await says(page.locator('#orders li').first(), '1 × Chair');

  await hold.click();
  await says(card(page, chair).locator('.left'), 'Sold out, some are still held');
  const second = page.locator('#holds li', { has: page.getByRole('button', { name: 'Release', disabled: false }) });
  await second.getByRole('button', { name: 'Release' }).click();
  await says(card(page, chair).locator('.left'), '1 left');

  // A short one of this customer, made elsewhere: it is here, too, and ends by itself.
  const customerId = await page.locator('#who').textContent();
  await api('POST', '/api/v1/reservations', { productId: chair, quantity: 1, customerId, holdSeconds: 15 });
  await page.reload();
  await live(page);
  await says(page.locator('#holds .left'), 'expired');
  await says(card(page, chair).locator('.left'), '1 left');
  await says(page.locator('#holds-none'), 'Nothing is held');
  assert((await page.locator('#holds li').count()) === 0, 'what is over goes');
});
