// Orders: the newest of everybody, live.

import { ask } from '../shared/api.js';
import { local } from '../shared/clock.js';
import { byId, list, make, nameAfter, pressTwice, say, setText, setVisible } from '../shared/dom.js';
import { follow } from '../shared/live.js';
import { show } from '../shared/money.js';

/** @typedef {import('../shared/documents.js').Order} Order */

let stop = () => {};

/** Follows them anew: somebody else may be at work. */
export function followOrders() {
  stop();
  stop = follow('orders', (orders) => render(orders ?? []), (detail) => {
    say(byId('orders-outcome', HTMLElement), 'bad', detail);
  });
}

/** @param {Order[]} orders */
function render(orders) {
  list(byId('orders', HTMLUListElement), orders, (order) => order.orderId, create, update);
  setVisible(byId('orders-none', HTMLElement), orders.length === 0);
}

/** @param {Order} order */
function create(order) {
  const outcome = byId('orders-outcome', HTMLElement);
  const customer = make('p', {}, order.customerId);
  const button = (/** @type {string} */ label, /** @type {string} */ verb) => {
    const made = make('button', { type: 'button', class: 'small second', 'data-verb': verb }, label);
    nameAfter(made, customer);
    pressTwice(made, outcome, `${label} ${show(order.total)} of ${order.customerId}?`, async () => {
      /** @type {Order} */
      const after = await ask('POST', `/api/v1/orders/${order.orderId}/${verb}`, { body: {} });
      return `The order of ${order.customerId} is ${after.status}.`;
    });
    return made;
  };
  const lines = order.lines.map((line) => `${line.quantity} × #${line.productId}`).join(', ');
  return make(
    'li',
    { class: 'item', 'data-order': order.orderId },
    make(
      'div',
      {},
      make('h3', {}, `${show(order.total)} · ${lines} `, make('span', { class: 'tag' })),
      customer,
      make('p', { class: 'quiet' }, `${local(order.createdAt)} · `, make('code', {}, order.orderId)),
    ),
    make('div', { class: 'row' }, button('Cancel', 'cancel'), button('Refund', 'refund')),
  );
}

/**
 * @param {HTMLElement} element
 * @param {Order} order
 */
function update(element, order) {
  const tag = element.querySelector('.tag');
  if (tag instanceof HTMLElement) {
    const failed = order.refunds?.some((refund) => refund.status === 'failed');
    setText(tag, order.status.replace('_', ' ') + (failed ? ', refund failed' : ''));
    tag.dataset.tone = failed ? 'bad' : order.status === 'confirmed' ? 'good' : '';
  }
  const verbs = {
    cancel: ['pending_payment', 'confirmed'].includes(order.status),
    refund: order.status === 'confirmed',
  };
  for (const [verb, visible] of Object.entries(verbs)) {
    const button = element.querySelector(`[data-verb="${verb}"]`);
    if (button instanceof HTMLElement) setVisible(button, visible);
  }
}
