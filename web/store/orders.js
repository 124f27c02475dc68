// Orders: the newest of this customer, live.

import { ask } from '../shared/api.js';
import { local } from '../shared/clock.js';
import { byId, list, make, nameAfter, press, say, setText, setVisible } from '../shared/dom.js';
import { follow } from '../shared/live.js';
import { show } from '../shared/money.js';
import { onSession, session } from '../shared/session.js';
import { showNames } from '../shared/names.js';

/** @typedef {import('../shared/documents.js').Order} Order */

/** @type {Record<Order['status'], [string, string]>} */
const STATES = {
  pending_payment: ['waits for payment', 'warn'],
  confirmed: ['bought', 'good'],
  cancelled: ['cancelled', ''],
  refunded: ['refunded', ''],
  expired: ['ran out', 'bad'],
};

export function wireOrders() {
  const outcome = byId('orders-outcome', HTMLElement);
  let stop = () => {};
  const load = () => {
    stop();
    render([]);
    if (!session.customerId) return;
    stop = follow(`orders:${session.customerId}`, (orders) => render(orders ?? []), (detail) => {
      say(outcome, 'bad', detail);
    });
  };
  onSession(load);
  load();
}

/** @param {Order[]} orders */
function render(orders) {
  list(byId('orders', HTMLUListElement), orders, (order) => order.orderId, create, update);
  setVisible(byId('orders-none', HTMLElement), orders.length === 0);
}

/** @param {Order} order */
function create(order) {
  const title = make('span', { class: 'what' });
  const [line] = order.lines;
  const text = order.lines.length === 1 && line ? `${line.quantity} ×` : `${order.lines.length} products:`;
  showNames(title, text, order.lines.map((each) => each.productId));
  const state = make('span', { class: 'tag' });
  const cancel = make('button', { type: 'button', class: 'small second cancel' }, 'Cancel');
  const pay = make('button', { type: 'button', class: 'small second pay' }, 'Ask for payment');
  nameAfter(cancel, title);
  nameAfter(pay, title);
  const outcome = byId('orders-outcome', HTMLElement);
  cancel.addEventListener('click', () => {
    void press(cancel, outcome, async () => {
      await ask('POST', `/api/v1/orders/${order.orderId}/cancel`, { body: {} });
      return 'The order is cancelled.';
    });
  });
  pay.addEventListener('click', () => {
    void press(pay, outcome, async () => {
      /** @type {Order} */
      const asked = await ask('POST', `/api/v1/orders/${order.orderId}/payment`);
      return asked.status === 'confirmed' ? 'It is paid.' : 'The payment is still pending.';
    });
  });
  return make(
    'li',
    {},
    make('div', { class: 'row between' }, title, make('strong', {}, show(order.total))),
    make(
      'div',
      { class: 'row between' },
      make('span', {}, state, make('span', { class: 'quiet' }, ` ${local(order.createdAt)}`)),
      make('span', { class: 'row' }, pay, cancel),
    ),
    make('p', { class: 'quiet money' }),
  );
}

/**
 * @param {HTMLElement} element
 * @param {Order} order
 */
function update(element, order) {
  const [words, tone] = STATES[order.status] ?? [order.status, ''];
  const tag = element.querySelector('.tag');
  if (tag instanceof HTMLElement) {
    setText(tag, words);
    tag.dataset.tone = tone;
  }
  const pending = order.status === 'pending_payment';
  for (const [name, visible] of /** @type {const} */ ([
    ['.cancel', pending || order.status === 'confirmed'],
    ['.pay', pending],
  ])) {
    const button = element.querySelector(name);
    if (button instanceof HTMLElement) setVisible(button, visible);
  }
  const money = element.querySelector('.money');
  const refunds = order.refunds ?? [];
  const back = refunds.map(({ amount, status }) => `${show(amount)} goes back: ${status}`).join(', ');
  if (money instanceof HTMLElement) {
    setText(money, back);
    setVisible(money, back !== '');
  }
}
