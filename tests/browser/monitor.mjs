// The monitor draws: its lines move while purchases come, and sold-out is an alert.

import { api, assert, product, says, scenario } from './kit.mjs';

await scenario(async (shop) => {
  const lamp = await product('Lamp', 30);
  const endsAt = '2099-01-01T00:00:00.000Z';
  const part = { productId: lamp, price: { amount: 999, currency: 'USD' }, units: 30 };
  await api('POST', '/api/v1/sales', { name: 'Flash', endsAt, products: [part] });
  const page = await shop.open('/monitor');
  await page.locator('#chart-purchases canvas').waitFor();
  /** What the canvas shows, as text. @param {string} chart */
  const picture = (chart) =>
    page.locator(`#chart-${chart} canvas`).evaluate((canvas) => (canvas instanceof HTMLCanvasElement ? canvas.toDataURL() : ''));
  const before = await picture('stock');
  for (let place = 0; place < 30; place += 1) {
    await api('POST', '/api/v1/purchases', { productId: lamp, quantity: 1, customerId: `customer-${place}` });
  }
  await says(page.locator('#stock .available'), /^0$/);
  await says(page.locator('#stock .sold'), /^30$/);
  assert((await picture('stock')) !== before, 'the line of the stock has moved');
  const drawn = await page.locator('body').getAttribute('data-drawn');
  await page.waitForFunction((last) => document.body.dataset.drawn !== last, drawn);
  await says(page.locator('#alerts li'), /sold out/i);

  // The table says the same as the pictures, and the history of an hour is there at once.
  await says(page.locator('#numbers tr', { hasText: 'Holds' }), '0');
  await page.getByLabel('Show').selectOption('3600');
  await says(page.locator('#window-words'), 'one hour');
  await page.reload();
  await page.locator('#chart-stock canvas').waitFor();
  await says(page.locator('#stock .sold'), /^30$/);
});
