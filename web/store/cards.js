// Cards: one for each product, with its live stock and what can be done with it.

import { Clicks, Refusal } from '../shared/api.js';
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

/**
 * @param {Product} product
 * @param {() => void} reload called when the server says that the card is not true any more
 */
export function createCard(product, reload) {
  /** @type {Stock | null} */
  let stock = null;
  /** The sale whose price is shown: nobody pays another price than they saw. @type {number | null} */
  let saleId = null;
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
  const under = () => (saleId === null ? {} : { saleId });
  const actions = buttons(product, { quantity, outcome, under, reload });
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
    const { sale } = stock ?? product;
    const shown = offer(product, stock, clock.now(), sale && knownSale(sale.saleId));
    saleId = shown.saleId;
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
  /**
   * The same version, asked for again; without a live connection its stock is newer than what was told last.
   * @param {Product} again
   * @param {boolean} live
   */
  function renew(again, live) {
    product = again;
    if (!live) stock = null;
    render();
  }
  render();
  return { element, render, renew, stop };
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
 * What the buttons of a card need of it.
 * @typedef {object} Place
 * @property {HTMLInputElement} quantity
 * @property {HTMLElement} outcome
 * @property {() => { saleId?: number }} under the sale whose price is shown
 * @property {() => void} reload
 */

/**
 * @param {Product} product
 * @param {Place} place
 */
function buttons(product, { quantity, outcome, under, reload }) {
  /**
   * @param {string} label
   * @param {string} kind
   * @param {(quantity: number, clicks: Clicks) => Promise<string>} action
   */
  const button = (label, kind, action) => {
    const clicks = new Clicks();
    const made = make('button', { type: 'button', class: kind, 'aria-label': `${label}: ${product.name}` }, label);
    made.addEventListener('click', () => {
      void press(made, outcome, async () => {
        try {
          return await action(whole(quantity), clicks);
        } catch (error) {
          if (isOutdated(error)) reload();
          throw error;
        }
      });
    });
    return made;
  };
  const { productId } = product;
  const buy = button('Buy now', '', async (count, clicks) => {
    const body = { productId, quantity: count, ...under(), ...asCustomer() };
    /** @type {Order} */
    const order = await clicks.ask('POST', '/api/v1/purchases', { body });
    return `Bought: ${count} for ${show(order.total)}.`;
  });
  const hold = button('Hold', 'second', async (count, clicks) => {
    const body = { productId, quantity: count, holdSeconds: HOLD_SECONDS, ...under(), ...asCustomer() };
    /** @type {Reservation} */
    const reservation = await clicks.ask('POST', '/api/v1/reservations', { body });
    addHold(reservation);
    return `Held for ${clock.countdown(HOLD_SECONDS * 1000)}: confirm or release it under “Held for you”.`;
  });
  const cart = button('Cart', 'second', async (count) => {
    await putIntoCart(productId, count);
    return 'It is in your cart.';
  });
  const queue = button('Queue', 'second', async (count, clicks) => {
    const body = { productId, quantity: count, ...under(), ...asCustomer() };
    /** @type {QueuedPurchase} */
    const purchase = await clicks.ask('POST', '/api/v1/purchases', { body, prefer: 'respond-async' });
    addWaiting(purchase);
    return 'You are in the queue.';
  });
  const others = make('div', { class: 'others' }, hold, cart, queue);
  return { buy, others, all: [buy, hold, cart, queue] };
}

/**
 * Whether the card has shown what is not true any more: the sale is over or paused, or the product is gone.
 * @param {unknown} error
 */
function isOutdated(error) {
  return error instanceof Refusal && /^(sale|product)-/.test(error.code);
}

/** @param {HTMLInputElement} input */
function whole(input) {
  const quantity = input.valueAsNumber;
  if (!Number.isInteger(quantity) || quantity < 1 || quantity > 1000) {
    throw new Error('The quantity is a whole number from 1 to 1000.');
  }
  return quantity;
}
