// The operator's page: what is done there is seen by customers at once, without reloading.

import { accessible, api, assert, card, product, says, scenario, sure } from './kit.mjs';

await scenario(async (shop) => {
  const lamp = await product('Lamp', 1);
  const [customer, operator] = [await shop.open('/'), await shop.open('/admin')];
  await card(customer, lamp).getByRole('button', { name: 'Buy now: Lamp' }).click();
  await says(card(customer, lamp).locator('.left'), 'Sold out');

  const row = operator.locator(`#products [data-product="${lamp}"]`);
  await says(row.locator('.counts'), '0 available · 0 held · 1 sold · 1 in all');
  await row.getByLabel('Add or take away').fill('7');
  await row.getByRole('button', { name: 'Adjust' }).click();
  await says(card(customer, lamp).locator('.left'), '7 left');
  await says(row.locator('.counts'), '7 available');

  // Newest first, and refunded in sight of the customer.
  const order = operator.locator('#orders li').first();
  await says(order, '$19.99');
  const refund = order.getByRole('button', { name: /^Refund/ });
  await refund.click();
  await says(refund, /^Refund \$19\.99 of .*\? Click again$/);
  await accessible(operator, 'a question');
  // Whoever goes elsewhere has said no.
  await operator.keyboard.press('Shift+Tab');
  await says(refund, /^Refund$/);
  await refund.focus();
  await operator.keyboard.press('Enter');
  await says(refund, 'Click again');
  await operator.keyboard.press('Enter');
  await says(order, 'refunded');
  await says(customer.locator('#orders li').first(), 'refunded');
  await says(card(customer, lamp).locator('.left'), '8 left');

  // A new product, its change, and its end.
  await operator.getByText('New product').click();
  const form = operator.locator('#product-form');
  await form.getByLabel('Name').fill('<b>Book</b>');
  await form.getByLabel('Price').fill('12,5');
  await form.getByLabel('Stock').fill('4');
  await form.getByRole('button', { name: 'Create product' }).click();
  await says(operator.locator('#products-outcome'), '<b>Book</b> is product');
  const book = operator.locator('#products > li').first();
  await says(book, '$12.50');
  await book.locator('summary').click();
  await book.getByLabel('Price in USD').fill('free');
  await book.getByRole('button', { name: 'Change' }).click();
  await says(operator.locator('#products-outcome'), 'The price must be a number such as 19.99.');
  await book.getByLabel('Price in USD').fill('10');
  await book.getByRole('button', { name: 'Change' }).click();
  await says(operator.locator('#products > li').first(), '$10.00');
  await operator.locator('#products > li').first().getByRole('button', { name: /Stop selling/ }).click();
  await says(operator.locator('#products > li').first(), 'not sold');

  // A sale is created, paused and ended; the store shows each.
  await operator.getByText('New sale').click();
  const sale = operator.locator('#sale-form');
  await sale.getByRole('button', { name: 'One more product' }).click();
  await sale.getByRole('button', { name: 'Remove this product' }).last().click();
  await sale.getByLabel('Name').fill('Flash');
  await sale.getByLabel('Ends').fill('2099-01-01T00:00');
  await sale.locator('[name="product"]').selectOption({ label: 'Lamp' });
  await sale.locator('[name="price"]').fill('9.99');
  await sale.getByLabel('Units').fill('5');
  await sale.getByRole('button', { name: 'Create sale' }).click();
  await says(operator.locator('#sales li').first(), 'open');
  await says(card(customer, lamp).locator('.left'), '5 left');
  await says(card(customer, lamp).locator('.price'), '$9.99');
  const flash = operator.locator('#sales li').first();
  await flash.getByRole('button', { name: 'Pause: Flash' }).click();
  await says(card(customer, lamp).locator('.left'), 'Paused');
  await flash.getByRole('button', { name: 'Resume: Flash' }).click();
  await says(card(customer, lamp).locator('.left'), '5 left');
  await flash.getByRole('button', { name: 'End now: Flash' }).click();
  await says(card(customer, lamp).locator('.left'), '8 left');

  // What a customer holds is seen here, counts down and is released; the customer hears of it.
  await card(customer, lamp).getByRole('button', { name: 'Hold: Lamp' }).click();
  await says(card(customer, lamp).locator('.left'), '7 left');
  const hold = operator.locator('#holds li').first();
  await says(hold, '1 × Lamp');
  await says(hold, (await customer.locator('#who').textContent()) ?? 'nobody');
  await says(hold.locator('.left'), /^0[12]:\d\d$/);
  await sure(hold.getByRole('button', { name: /^Release/ }));
  await says(operator.locator('#holds-outcome'), 'is released.');
  await says(operator.locator('#holds-none'), 'Nothing is held.');
  await says(card(customer, lamp).locator('.left'), '8 left');
  await says(customer.locator('#holds .left'), 'released');
  await says(customer.locator('#holds-none'), 'Nothing is held');

  // A line of an order ends with its order. What was given up: tried again, which fails again, and then done by a person.
  const lines = { customerId: 'ann', items: [{ productId: lamp, quantity: 1 }] };
  const unpaid = await api('POST', '/api/v1/orders', { ...lines, payment: { method: 'simulated', token: 'tok_error' } });
  await says(hold, 'line of an order');
  // Nothing moves below the pointer: what is newer waits.
  await hold.hover();
  const held = { productId: lamp, quantity: 1, customerId: 'late', holdSeconds: 600 };
  const late = await api('POST', '/api/v1/reservations', held);
  await says(operator.locator('#holds-newer'), '1 newer');
  await says(hold, 'ann');
  await operator.locator('#holds-title').hover();
  await says(hold, 'late');
  await api('DELETE', `/api/v1/reservations/${late.reservationId}`);
  await says(hold, 'ann');
  await sure(hold.getByRole('button', { name: /^Cancel order.* ann$/ }));
  await says(operator.locator('#holds-outcome'), 'The order of ann is cancelled.');
  const letter = operator.locator('#letters li');
  await says(letter, unpaid.orderId);
  await says(letter, 'the provider failed');
  await letter.getByRole('button', { name: /^Try again/ }).click();
  await says(operator.locator('#letters-outcome'), 'It is tried again.');
  await says(letter, unpaid.orderId);
  await letter.getByRole('button', { name: /^I have done it/ }).click();
  await says(operator.locator('#letters-none'), 'Nothing was given up.');

  const stock = await api('GET', `/api/v1/products/${lamp}/stock`);
  assert(stock.available === 8 && stock.stocked === 8, 'nothing is lost on the way');
});
