// Sales: the one that is open, and those that come, with their countdown by the server's clock.

import { ask } from '../shared/api.js';
import * as clock from '../shared/clock.js';
import { byId, list, make, setText } from '../shared/dom.js';
import { follow } from '../shared/live.js';
import { whileSeen } from '../shared/page.js';

/** @typedef {import('../shared/documents.js').Sale} Sale */
/**
 * @template T
 * @typedef {import('../shared/documents.js').Page<T>} Page
 */

/** How many are shown, open ones first; each is followed. */
const SHOWN_MAX = 3;
/** How often it is looked whether there are others, in milliseconds: nobody tells of a new one. */
const LOOK_MS = 30_000;

const STATES = {
  scheduled: { words: 'Opens', tone: 'warn' },
  open: { words: 'Ends', tone: 'good' },
  paused: { words: 'Paused; ends', tone: 'warn' },
  ended: { words: 'The sale is over.', tone: 'bad' },
};

/** @type {Map<number, { sale: Sale, stop: () => void }>} */
const sales = new Map();

export function wireSales() {
  const look = () => {
    load().catch(() => {
      // Shown by the state of the connection; it is looked again.
    });
  };
  look();
  whileSeen(LOOK_MS, look);
  clock.everyTick(render);
}

/**
 * What is known of a sale.
 * @param {number} saleId
 */
export function knownSale(saleId) {
  return sales.get(saleId)?.sale;
}

async function load() {
  /** @type {Page<Sale>[]} */
  const pages = await Promise.all(
    ['open', 'paused', 'scheduled'].map((state) => ask('GET', `/api/v1/sales?limit=${SHOWN_MAX}&state=${state}`)),
  );
  const found = pages.flatMap((page) => page.data).slice(0, SHOWN_MAX);
  for (const [id, { stop }] of sales) {
    if (found.some((sale) => sale.saleId === id)) continue;
    stop();
    sales.delete(id);
  }
  for (const sale of found) {
    const known = sales.get(sale.saleId);
    if (known) continue;
    const entry = { sale, stop: () => {} };
    sales.set(sale.saleId, entry);
    entry.stop = follow(`sale:${sale.saleId}`, (value) => {
      if (!value) return;
      if (value.state !== entry.sale.state) announce(value);
      entry.sale = value;
      render();
    });
  }
  render();
}

/**
 * What somebody who does not see the page must hear.
 * @param {Sale} sale
 */
function announce(sale) {
  setText(byId('spoken', HTMLElement), `${sale.name} is ${sale.state}.`);
}

function render() {
  const shown = [...sales.values()].map(({ sale }) => sale);
  list(byId('sales', HTMLElement), shown, (sale) => `${sale.saleId}`, create, update);
}

/** @param {Sale} sale */
function create(sale) {
  return make(
    'div',
    { class: 'sale' },
    make(
      'div',
      { class: 'row between' },
      make('h2', {}, sale.name),
      make('span', { class: 'tag' }),
    ),
    make('p', {}, make('span', { class: 'words quiet' }), ' ', make('span', { class: 'clock', role: 'timer' })),
    make('p', { class: 'sold' }),
    make('progress', { max: 1, value: 0, 'aria-hidden': 'true' }),
  );
}

/**
 * @param {HTMLElement} element
 * @param {Sale} sale
 */
function update(element, sale) {
  const part = (/** @type {string} */ name) => element.querySelector(name);
  const now = clock.now();
  // The time alone opens and ends a sale; the server says so a moment later.
  const early = Date.parse(sale.startsAt) > now;
  const over = sale.state === 'ended' || Date.parse(sale.endsAt) <= now;
  const state = over ? 'ended' : early ? 'scheduled' : sale.state === 'scheduled' ? 'open' : sale.state;
  const { words, tone } = STATES[state];
  const [tag, title, time, sold, bar] = ['.tag', '.words', '.clock', '.sold', 'progress'].map(part);
  if (tag instanceof HTMLElement) {
    setText(tag, state);
    tag.dataset.tone = tone;
  }
  if (title) setText(title, words);
  const next = Date.parse(early ? sale.startsAt : sale.endsAt);
  if (time) setText(time, over ? '' : clock.when(next, now));
  const units = sale.products.reduce((sum, product) => sum + product.units, 0);
  const left = sale.products.reduce((sum, product) => sum + product.available, 0);
  if (sold) setText(sold, left === 0 ? `All ${units} units are taken.` : `${left} of ${units} units are left.`);
  if (bar instanceof HTMLProgressElement) {
    bar.max = Math.max(1, units);
    bar.value = left;
  }
}
