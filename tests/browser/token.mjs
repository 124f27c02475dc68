// With an operator token nobody comes in without it, and customers buy as before.

import { env } from 'node:process';
import { assert, card, listed, live, says, scenario } from './kit.mjs';

await scenario(async (shop) => {
  shop.expected.push(/status of 401/);
  const page = await shop.open('/admin');
  await says(page.locator('#door'), 'This server asks for the operator token.');
  assert(await page.locator('#inside').isHidden(), 'nothing is shown to strangers');
  const token = page.getByLabel('Token', { exact: true });
  for (const [text, inside] of /** @type {const} */ ([['wrong-token-of-some-length', false], [env.LASTUNIT_ADMIN, true]])) {
    await token.fill(text ?? '');
    await page.getByRole('button', { name: 'Use' }).click();
    if (inside) await page.locator('#inside').waitFor();
    else await says(page.locator('#account-outcome[data-tone="bad"]'), /\.$/);
  }
  await page.getByText('New product').click();
  const form = page.locator('#product-form');
  await form.getByLabel('Name').fill('Lamp');
  await form.getByLabel('Price').fill('19.99');
  await form.getByLabel('Stock').fill('5');
  await form.getByRole('button', { name: 'Create product' }).click();
  await says(page.locator('#products > li'), 'Lamp');

  await listed('products', 1);
  const customer = await shop.open('/');
  await card(customer, 1).getByRole('button', { name: 'Buy now: Lamp' }).click();
  await says(card(customer, 1).locator('.outcome'), 'Bought');
  await says(page.locator('#orders li'), '$19.99');

  // This window keeps it; another one has to be told.
  await page.reload();
  await live(page);
  await says(page.locator('#orders li'), '$19.99');
  const stranger = await shop.open('/admin');
  await says(stranger.locator('#door'), 'asks for the operator token');
});
