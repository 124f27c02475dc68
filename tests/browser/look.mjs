// Every page on a desktop and a phone, in light and dark: nobody is shut out, nothing sticks out, and a picture of
// each is kept to be looked at.

import { accessible, api, card, DESKTOP, fits, NARROW, PHONE, product, says, scenario, SCREENSHOTS } from './kit.mjs';

await scenario(async (shop) => {
  const lamp = await product('Lamp, brass', 9, { category: 'light', sku: 'LAMP-BRASS' });
  const gone = await product('Chair that everybody wants, in a colour with a long name', 1, { category: 'seats' });
  const book = await product('Book', 120, { opensAt: '2098-01-01T00:00:00.000Z', category: 'paper' });
  const products = [{ productId: lamp, price: { amount: 999, currency: 'USD' }, units: 5, limitPerCustomer: 3 }];
  await api('POST', '/api/v1/sales', { name: 'Flash sale', endsAt: '2099-01-01T00:00:00.000Z', products });
  await api('POST', '/api/v1/purchases', { productId: gone, quantity: 1, customerId: 'ann' });
  await api('POST', '/api/v1/reservations', { productId: lamp, quantity: 1, customerId: 'bob', holdSeconds: 3600 });
  const payment = { method: 'simulated', token: 'tok_pending' };
  await api('POST', '/api/v1/orders', { customerId: 'cem', items: [{ productId: lamp, quantity: 1 }], payment });
  for (const [size, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
    for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
      for (const path of ['/', '/admin', '/monitor']) {
        const name = `${path.slice(1) || 'store'}-${size}-${colorScheme}`;
        const page = await shop.open(path, { viewport, colorScheme, reducedMotion: 'reduce' });
        if (path === '/') {
          await card(page, lamp).getByRole('button', { name: /^Hold/ }).click();
          await says(page.locator('#holds li'), 'Lamp');
          await card(page, lamp).getByRole('button', { name: /^Cart/ }).click();
          await says(page.locator('#cart li'), 'Lamp');
          await says(card(page, gone).locator('.left'), 'Sold out');
          // What is far away has a date.
          await says(card(page, book).locator('.left'), /^Opens on \w{3} \d+, 209[78]$/);
          await says(page.locator('#sales .sale'), /Ends on \w{3} \d+, 209[89]/);
        } else if (path === '/admin') {
          await says(page.locator('#orders li'), 'ann');
          await says(page.locator('#holds li'), '1 × Lamp, brass');
          await says(page.locator('#holds li'), 'line of an order');
          await page.getByText('New product').click();
          await page.getByText('New sale').click();
        } else {
          await page.locator('#chart-stock canvas').waitFor();
          await says(page.locator('#numbers tr'), 'Memory');
        }
        await accessible(page, name);
        await fits(page, name);
        await page.screenshot({ path: `${SCREENSHOTS}/${name}.png`, fullPage: true });
        if (path === '/') await page.getByRole('button', { name: 'Release' }).click();
        if (path === '/') await says(page.locator('#holds li'), 'released');
        await page.context().close();
      }
    }
  }

  // A name without a space on a narrow phone.
  const long = 'W'.repeat(200);
  const wide = await product(long, 9, { category: 'W'.repeat(64) });
  const held = { productId: wide, quantity: 1, customerId: 'W'.repeat(64), holdSeconds: 3600 };
  await api('POST', '/api/v1/reservations', held);
  for (const path of ['/', '/admin', '/monitor']) {
    const page = await shop.open(path, { viewport: NARROW, reducedMotion: 'reduce' });
    if (path === '/') {
      for (const [verb, list] of [['Hold', '#holds'], ['Cart', '#cart']]) {
        await card(page, wide).getByRole('button', { name: `${verb}: ${long}` }).click();
        await says(page.locator(`${list} li`), long);
      }
    } else if (path === '/admin') {
      await says(page.locator('#holds li'), long);
      await page.getByText('New sale').click();
      await page.getByRole('button', { name: `Release ${'W'.repeat(64)}` }).click();
    } else {
      await says(page.locator('#numbers tr'), 'Memory');
    }
    await fits(page, `${path.slice(1) || 'store'} with a long name`);
    await page.screenshot({ path: `${SCREENSHOTS}/${path.slice(1) || 'store'}-narrow.png`, fullPage: true });
    await page.context().close();
  }

  // By keyboard alone: the first stop leads past the head of the page.
  const page = await shop.open('/');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.locator('#main:focus').waitFor();
  await page.getByRole('button', { name: 'Buy now: Lamp' }).focus();
  await page.keyboard.press('Enter');
  await says(card(page, lamp).locator('.outcome'), 'Bought');
});
