// Offer: what a customer is told about a product at a moment. Pure: values and a time in, words out.

import { when } from '../shared/clock.js';

/** @typedef {import('../shared/documents.js').Product} Product */
/** @typedef {import('../shared/documents.js').Stock} Stock */
/** @typedef {import('../shared/documents.js').Sale} Sale */
/** @typedef {import('../shared/documents.js').Money} Money */

/**
 * @typedef {object} Offer
 * @property {boolean} sells whether buying makes sense now
 * @property {string} words what is left, or why nothing is sold
 * @property {'good' | 'warn' | 'bad'} tone
 * @property {number} left
 * @property {number} of
 * @property {Money} price
 * @property {Money | null} before the ordinary price, where it differs
 * @property {number | null} saleId the sale whose price it is
 * @property {string} badge the state of the sale, if there is one
 */

/** Fewer units than this are worth a word. */
const FEW = 10;

/**
 * @param {Product} product
 * @param {Stock | null} stock the newest that is known
 * @param {number} now
 * @param {Sale | undefined} terms what is known of its sale
 * @returns {Offer}
 */
export function offer(product, stock, now, terms) {
  const sale = (stock ?? product).sale ?? null;
  const counts = stock ?? product;
  // The time alone opens and ends a sale; the server says so a moment later.
  const over = sale !== null && Date.parse(sale.endsAt) <= now;
  const begun = sale !== null && (sale.state !== 'scheduled' || Date.parse(sale.opensAt) <= now);
  const running = begun && !over && sale.state !== 'ended';
  const left = running ? sale.available : counts.available;
  const units = terms?.products.find(({ productId }) => productId === product.productId)?.units;
  const differs = running && sale.price.amount !== product.price.amount;
  /** @type {Omit<Offer, 'sells' | 'words' | 'tone'>} */
  const shown = {
    left,
    of: running ? Math.max(left, units ?? counts.stocked) : counts.stocked,
    price: running ? sale.price : product.price,
    before: differs ? product.price : null,
    saleId: running ? sale.saleId : null,
    badge: sale && !over ? badge(sale.state) : '',
  };
  const opens = Date.parse(
    sale?.state === 'scheduled' && !terms?.sellsBefore ? sale.opensAt : (product.opensAt ?? ''),
  );
  const closed = Date.parse(product.closesAt ?? '') <= now && !running;
  if (!product.active) return { ...shown, sells: false, words: 'Not sold any more', tone: 'bad' };
  if (running && sale.state === 'paused') {
    return { ...shown, sells: false, words: 'Paused: try again soon', tone: 'warn' };
  }
  if (opens > now && !running) {
    return { ...shown, sells: false, words: `Opens ${when(opens, now)}`, tone: 'warn' };
  }
  if (closed) return { ...shown, sells: false, words: 'The sale is over', tone: 'bad' };
  if (left === 0) {
    const held = counts.held > 0 ? ', some are still held' : '';
    return { ...shown, sells: false, words: `Sold out${held}`, tone: 'bad' };
  }
  return { ...shown, sells: true, words: `${left} left`, tone: left < FEW ? 'warn' : 'good' };
}

/** @param {string} state */
function badge(state) {
  return { scheduled: 'sale soon', open: 'in the sale', paused: 'sale paused' }[state] ?? '';
}
