// The server goes away and comes back: all pages say so, and go on by themselves.

import { api, card, live, product, says, scenario, tell } from './kit.mjs';

await scenario(async (shop) => {
  const lamp = await product('Lamp', 9);
  const store = await shop.open('/');
  const pages = [store, await shop.open('/admin'), await shop.open('/monitor')];
  await card(store, lamp).getByRole('button', { name: 'Buy now: Lamp' }).click();
  await says(card(store, lamp).locator('.left'), '8 left');

  shop.expected.push(/WebSocket/, /ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|ABORTED)/, /status of 503/);
  tell('kill');
  for (const page of pages) await page.locator('#live[data-state="reconnecting"]').waitFor();
  // A click meanwhile is kept, and sent again with the same key until it is answered.
  await card(store, lamp).getByRole('button', { name: 'Buy now: Lamp' }).click();
  await says(card(store, lamp).locator('.outcome'), 'One moment');
  tell('start');
  for (const page of pages) await live(page);
  await says(card(store, lamp).locator('.outcome'), 'Bought');
  await says(card(store, lamp).locator('.left'), '7 left');
  await says(store.locator('#orders li').nth(1), 'Lamp');

  // Whatever happens afterwards is live again.
  await api('POST', `/api/v1/products/${lamp}/stock/adjustments`, { delta: 5, reason: 'delivery' });
  await says(card(store, lamp).locator('.left'), '12 left');
  await says(pages[1]?.locator('#products .counts') ?? store.locator('#none'), '12 available');
});
