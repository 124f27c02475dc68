// Cards: one for each product, with its live stock and what can be done with it.

import { ask, drawKey } from '../shared/api.js';
import * as clock from '../shared/clock.js';
import { make, press, setEnabled, setText, setVisible } from '../shared/dom.js';
import { follow } from '../shared/live.js';
import { show } from '../shared/money.js';
import { asCustomer } from '../shared/session.js';
import { putIntoCart } from './cart.js';
import { addHold } from './holds.js';
import { offer } from './offer.js';
import { knownSale } from './sales.js';
import { addWaiting } from './waiting.js';

/** @typedef {import('../shared/documents.js').Product} Product */
/** @typedef {import('../shared/documents.js').Stock} Stock */
/** @typedef {import('../shared/documents.js').Order} Order */
/** @typedef {import('../shared/documents.js').Reservation} Reservation */
/** @typedef {import('../shared/documents.js').QueuedPurchase} QueuedPurchase */

/** How long a hold from this page lasts, in seconds. */
const HOLD_SECONDS = 120;

/** @param {Product} product */
export function createCard(product) {
  /** @type {Stock | null} */
  let stock = null;
  const price = make('span', { class: 'price' });
  const before = make('s');
  const badge = make('span', { class: 'tag', 'data-tone': 'good' });
  const left = make('p', { class: 'left' });
  const bar = make('progress', { max: 1, value: 0, 'aria-hidden': 'true' });
  const outcome = make('p', { class: 'outcome', role: 'status' });
  const quantity = make('input', {
    type: 'number',
    min: 1,
    max: 1000,
    value: 1,
    'aria-label': `Quantity of ${product.name}`,
  });
  const actions = buttons(product, quantity, outcome);
  const about = [product.category, product.sku].filter(Boolean).join(' · ');
  const element = make(
    'li',
    { class: 'card', 'data-product': product.productId },
    picture(product),
    make('h3', {}, product.name),
    make('p', { class: 'row between quiet' }, about || '\u00a0', badge),
    product.description ? make('p', { class: 'quiet' }, product.description) : null,
    make('p', { class: 'row' }, price, before),
    make('div', {}, left, bar),
    make('div', { class: 'actions' }, quantity, actions.buy, actions.others),
    outcome,
  );

  function render() {
    const sale = stock?.sale ?? product.sale;
    const shown = offer(product, stock, clock.now(), sale && knownSale(sale.saleId));
    setText(price, show(shown.price));
    setText(before, shown.before ? show(shown.before) : '');
    setVisible(before, shown.before !== null);
    setText(badge, shown.badge);
    setVisible(badge, shown.badge !== '');
    setText(left, shown.words);
    left.dataset.tone = shown.tone;
    bar.max = Math.max(1, shown.of);
    bar.value = shown.left;
    for (const button of actions.all) setEnabled(button, shown.sells);
  }

  const stop = follow(`stock:${product.productId}`, (value) => {
    stock = value;
    render();
  });
  render();
  return { element, render, stop };
}

/** @param {Product} product */
function picture(product) {
  if (!product.imageUrl) return null;
  const image = make('img', { src: product.imageUrl, alt: '', loading: 'lazy', width: 300, height: 200 });
  // A picture that is not there is no loss.
  image.addEventListener('error', () => image.remove());
  return image;
}

/**
 * @param {Product} product
 * @param {HTMLInputElement} quantity
 * @param {HTMLElement} outcome
 */
function buttons(product, quantity, outcome) {
  /**
   * @param {string} label
   * @param {string} kind
   * @param {(quantity: number) => Promise<string>} action
   */
  const button = (label, kind, action) => {
    const made = make('button', { type: 'button', class: kind, 'aria-label': `${label}: ${product.name}` }, label);
    made.addEventListener('click', () => {
      void press(made, outcome, () => action(whole(quantity)));
    });
    return made;
  };
  const { productId } = product;
  const buy = button('Buy now', '', async (count) => {
    const body = { productId, quantity: count, ...asCustomer() };
    /** @type {Order} */
    const order = await ask('POST', '/api/v1/purchases', { body, key: drawKey() });
    return `Bought: ${count} for ${show(order.total)}.`;
  });
  const hold = button('Hold', 'second', async (count) => {
    const body = { productId, quantity: count, holdSeconds: HOLD_SECONDS, ...asCustomer() };
    /** @type {Reservation} */
    const reservation = await ask('POST', '/api/v1/reservations', { body, key: drawKey() });
    addHold(reservation);
    return `Held for ${clock.countdown(HOLD_SECONDS * 1000)}: confirm or release it under “Held for you”.`;
  });
  const cart = button('Cart', 'second', async (count) => {
    await putIntoCart(productId, count);
    return 'It is in your cart.';
  });
  const queue = button('Queue', 'second', async (count) => {
    const body = { productId, quantity: count, ...asCustomer() };
    /** @type {QueuedPurchase} */
    const purchase = await ask('POST', '/api/v1/purchases', { body, key: drawKey(), prefer: 'respond-async' });
    addWaiting(purchase);
    return 'You are in the queue.';
  });
  const others = make('div', { class: 'others' }, hold, cart, queue);
  return { buy, others, all: [buy, hold, cart, queue] };
}

/** @param {HTMLInputElement} input */
function whole(input) {
  const quantity = input.valueAsNumber;
  if (!Number.isInteger(quantity) || quantity < 1 || quantity > 1000) {
    throw new Error('The quantity is a whole number from 1 to 1000.');
  }
  return quantity;
}
