// With accounts: a customer registers, buys, leaves and comes back; an operator signs in by a token.

import { env } from 'node:process';
import { assert, card, listed, live, says, scenario } from './kit.mjs';

await scenario(async (shop) => {
  // Who is not signed in is refused, as they must be.
  shop.expected.push(/status of 40[139]/);
  const operator = await shop.open('/admin');
  await says(operator.locator('#door'), 'Sign in as an operator.');
  assert(await operator.locator('#inside').isHidden(), 'nothing is shown to strangers');
  await operator.getByText('Operator token or API key').click();
  const token = operator.getByLabel('Token', { exact: true });
  await token.fill('nonsense');
  await operator.getByRole('button', { name: 'Use' }).click();
  await operator.locator('#account-outcome[data-tone="bad"]').waitFor();
  await token.fill(env.LASTUNIT_ADMIN ?? '');
  await operator.getByRole('button', { name: 'Use' }).click();
  await operator.locator('#inside').waitFor();
  await says(operator.locator('#who'), 'boss (admin)');
  // A token that is refused sends nobody away.
  await token.fill('nonsense');
  await operator.getByRole('button', { name: 'Use' }).click();
  await operator.locator('#account-outcome[data-tone="bad"]').waitFor();
  await says(operator.locator('#who'), 'boss (admin)');
  assert(await operator.locator('#inside').isVisible(), 'what is open stays open');

  // A product to buy, and a key that is shown once and revoked.
  await operator.getByText('New product').click();
  const form = operator.locator('#product-form');
  await form.getByLabel('Name').fill('Lamp');
  await form.getByLabel('Price').fill('19.99');
  await form.getByLabel('Stock').fill('5');
  await form.getByRole('button', { name: 'Create product' }).click();
  await says(operator.locator('#products > li'), 'Lamp');
  await operator.getByText('New API key').click();
  await operator.locator('#key-form').getByLabel('Name').fill('till');
  await operator.getByLabel('stock:write').check();
  await operator.getByRole('button', { name: 'Create key' }).click();
  await says(operator.locator('#key'), /^lu_/);
  await operator.getByRole('button', { name: 'Revoke till' }).click();
  await says(operator.locator('#keys li'), 'revoked');
  assert(await operator.locator('#key').isHidden(), 'the key is not shown any more');

  await listed('products', 1);
  const page = await shop.open('/');
  const lamp = card(page, 1);
  await lamp.getByRole('button', { name: 'Buy now: Lamp' }).click();
  await says(lamp.locator('.outcome'), 'Sign in first.');
  await page.getByLabel('E-mail').fill('ann@example.com');
  await page.getByLabel('Password').fill('correct horse battery');
  await page.getByRole('button', { name: 'Register' }).click();
  await says(page.locator('#who'), 'ann@example.com');
  await lamp.getByRole('button', { name: 'Buy now: Lamp' }).click();
  await says(lamp.locator('.outcome'), 'Bought');
  await says(page.locator('#orders li'), 'Lamp');
  await says(operator.locator('#orders li'), '$19.99');

  // Still signed in after a reload; no token stands in the address, or where other windows find it.
  await page.reload();
  await live(page);
  await says(page.locator('#who'), 'ann@example.com');
  await says(page.locator('#orders li'), 'Lamp');
  assert(!page.url().includes('token'), 'no token is in the address');
  const kept = await page.evaluate(() => JSON.stringify(Object.entries(localStorage)));
  assert(!/token|refresh|eyJ/.test(kept), `no token is kept for good: ${kept}`);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await says(page.locator('#who'), 'nobody yet');
  assert((await page.locator('#orders li').count()) === 0, 'orders are private');
  await page.getByLabel('E-mail').fill('ann@example.com');
  await page.getByLabel('Password').fill('wrong horse battery');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await says(page.locator('#account-outcome[data-tone="bad"]'), /\.$/);

  // A customer is no operator.
  await page.getByLabel('Password').fill('correct horse battery');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await says(page.locator('#who'), 'ann@example.com');
  await page.getByRole('link', { name: 'Operator' }).click();
  await says(page.locator('#door'), 'not an operator');
});
