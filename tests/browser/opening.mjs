// Sales open by the clock of the server, on a machine whose own clock is a day ahead; and a page that is offline
// says so and comes back.

import { api, assert, card, listed, live, product, says, scenario } from './kit.mjs';

await scenario(async (shop) => {
  const opensAt = new Date(Date.now() + 10_000).toISOString();
  const lamp = await product('Lamp', 5, { opensAt });
  const cup = await product('Cup', 4);
  const page = await shop.open('/', {}, () => {
    const now = Date.now;
    Date.now = () => now() + 86_400_000;
  });
  const left = card(page, lamp).locator('.left');
  const buy = card(page, lamp).getByRole('button', { name: 'Buy now: Lamp' });
  await says(left, /^Opens in 00:(0\d|10)$/);
  assert(await buy.isDisabled(), 'nothing is sold yet');
  await says(left, '5 left');
  await buy.click();
  await says(card(page, lamp).locator('.outcome'), 'Bought');
  await says(left, '4 left');

  // A sale that is announced, opens and is shown without a click.
  const startsAt = new Date(Date.now() + 8_000).toISOString();
  const products = [{ productId: cup, price: { amount: 500, currency: 'USD' }, units: 2 }];
  const sale = await api('POST', '/api/v1/sales', { name: 'Cups', startsAt, endsAt: '2099-01-01T00:00:00.000Z', products });
  await says(card(page, cup).locator('.left'), /^Opens in/);
  await listed('sales', sale.saleId);
  await page.reload();
  await says(page.locator('#sales .tag'), 'scheduled');
  await says(page.locator('#sales .tag'), 'open');
  await says(card(page, cup).locator('.left'), '2 left');
  await says(card(page, cup).locator('.price'), '$5.00');

  shop.expected.push(/ERR_INTERNET_DISCONNECTED/);
  await page.context().setOffline(true);
  await says(page.locator('#live'), 'Offline');
  await page.context().setOffline(false);
  await live(page);
  await api('POST', '/api/v1/purchases', { productId: cup, quantity: 1, customerId: 'bob' });
  await says(card(page, cup).locator('.left'), '1 left');
});
