// Cart: what the customer means to buy. It holds no stock; the checkout holds all of it or nothing.

import { ask, Clicks, drawKey } from '../shared/api.js';
import { byId, field, list, make, onSend, say, setText, setVisible } from '../shared/dom.js';
import { show } from '../shared/money.js';
import { asCustomer, onSession } from '../shared/session.js';

/** @typedef {import('../shared/documents.js').Cart} Cart */
/** @typedef {import('../shared/documents.js').CartLine} CartLine */
/** @typedef {import('../shared/documents.js').Order} Order */

/** What the customer sees of the cart: its lines and its total. */
let seen = '';
/** The last thing that was asked of the cart. @type {Promise<unknown>} */
let last = Promise.resolve();
const clicks = new Clicks();

/**
 * One thing after the other: a late answer never shows what the cart was before.
 * @template T
 * @param {() => Promise<T>} action
 * @returns {Promise<T>}
 */
function inTurn(action) {
  const done = last.then(action);
  last = done.catch(() => {});
  return done;
}

/** Another window may have changed it. What goes wrong is shown by the state of the connection. */
export function refreshCart() {
  inTurn(loadCart).catch(() => {});
}

export function wireCart() {
  const outcome = byId('cart-outcome', HTMLElement);
  const load = () => {
    inTurn(loadCart).catch((error) => say(outcome, 'bad', message(error)));
  };
  onSession(load);
  load();
  onSend(byId('checkout', HTMLFormElement), outcome, async (data) => {
    const body = { payment: { method: 'simulated', token: field(data, 'token') }, ...asCustomer() };
    const meant = seen;
    const order = await inTurn(() => checkOut(meant, body)).finally(refreshCart);
    return order.status === 'confirmed'
      ? `Paid and ordered: ${show(order.total)}.`
      : 'Ordered: the payment is pending, see “My orders”.';
  });
}

/**
 * Orders the cart as it was seen, or not at all.
 * @param {string} meant
 * @param {unknown} body
 * @returns {Promise<Order>}
 */
async function checkOut(meant, body) {
  await loadCart();
  if (seen !== meant) throw new Error('The cart has changed: look at it again, then pay.');
  return clicks.ask('POST', '/api/v1/cart/checkout', { body }, meant);
}

/**
 * @param {number} productId
 * @param {number} quantity
 */
export function putIntoCart(productId, quantity) {
  return inTurn(async () => {
    // Setting, not adding: it may be repeated.
    await ask('PUT', `/api/v1/cart/items/${productId}`, { body: { quantity }, key: drawKey() });
    await loadCart();
  });
}

/** @param {number} productId */
function takeOut(productId) {
  return inTurn(async () => {
    await ask('DELETE', `/api/v1/cart/items/${productId}`, { key: drawKey() });
    await loadCart();
  });
}

async function loadCart() {
  /** @type {Cart} */
  const cart = await ask('GET', '/api/v1/cart');
  const lines = cart.lines.map(({ productId, quantity, total }) => [productId, quantity, total?.amount]);
  seen = JSON.stringify([lines, cart.total]);
  list(byId('cart', HTMLUListElement), cart.lines, (line) => `${line.productId}`, create, update);
  setVisible(byId('cart-none', HTMLElement), cart.lines.length === 0);
  setVisible(byId('checkout', HTMLFormElement), cart.lines.length > 0);
  const total = cart.mixedCurrencies ? 'several currencies' : '';
  setText(byId('cart-total', HTMLElement), cart.total ? show(cart.total) : total);
}

/** @param {CartLine} line */
function create(line) {
  const outcome = byId('cart-outcome', HTMLElement);
  const name = line.name ?? `product ${line.productId}`;
  const quantity = make('input', { type: 'number', min: 1, max: 1000, 'aria-label': `Quantity of ${name}` });
  quantity.addEventListener('change', () => {
    putIntoCart(line.productId, quantity.valueAsNumber).catch((error) => say(outcome, 'bad', message(error)));
  });
  const remove = make('button', { type: 'button', class: 'small second', 'aria-label': `Remove ${name}` }, 'Remove');
  remove.addEventListener('click', () => {
    takeOut(line.productId)
      .then(() => say(outcome, 'info', `${name} is out of the cart.`))
      .catch((error) => say(outcome, 'bad', message(error)));
  });
  return make(
    'li',
    {},
    make('div', { class: 'row between' }, make('span', {}, name), make('span', { class: 'cost' })),
    make('div', { class: 'row between' }, quantity, remove),
    make('p', { class: 'mark quiet' }),
  );
}

/**
 * @param {HTMLElement} element
 * @param {CartLine} line
 */
function update(element, line) {
  const [quantity, cost, mark] = ['input', '.cost', '.mark'].map((name) => element.querySelector(name));
  if (quantity instanceof HTMLInputElement && quantity !== document.activeElement) {
    quantity.value = String(line.quantity);
  }
  if (cost) setText(cost, line.total ? show(line.total) : '');
  if (mark) setText(mark, marks(line));
}

/** @param {CartLine} line */
function marks(line) {
  if (line.unavailable) return 'It is not sold any more.';
  if (line.soldOut) return 'Sold out.';
  if (line.insufficient) return `Only ${line.available ?? 0} are left.`;
  return line.priceChanged ? 'The price has changed since you put it in.' : '';
}

/** @param {unknown} error */
function message(error) {
  return error instanceof Error ? error.message : String(error);
}
