// Store: the page for customers. Products with live stock, and what the customer has of them.

import { ask } from '../shared/api.js';
import * as clock from '../shared/clock.js';
import { byId, list, make, say, setVisible } from '../shared/dom.js';
import { onLive } from '../shared/live.js';
import { start, whileSeen } from '../shared/page.js';
import { createCard } from './cards.js';
import { refreshCart, wireCart } from './cart.js';
import { wireHolds } from './holds.js';
import { learn } from '../shared/names.js';
import { wireOrders } from './orders.js';
import { wireSales } from './sales.js';
import { wireWaiting } from './waiting.js';

/** @typedef {import('../shared/documents.js').Product} Product */
/**
 * @template T
 * @typedef {import('../shared/documents.js').Page<T>} Page
 */

/** Products on the page; each is followed, and one page follows at most 32 topics. */
const SHOWN_MAX = 20;
/** How long the search waits for the next letter, in milliseconds. */
const TYPING_MS = 250;
/** How often it is looked what has changed that nobody tells of, in milliseconds: prices, and other windows. */
const LOOK_MS = 30_000;

/** @type {Map<string, ReturnType<typeof createCard>>} */
let cards = new Map();
/** Of the newest question: an older answer that comes late is not shown. */
let question = 0;
/** Where the page that was asked for begins. @type {string | null} */
let place = null;
/** Whether stock comes by itself. */
let live = false;

/** The page that is shown, again: whoever has gone on is not sent back to the beginning. */
function reload() {
  void load(place);
}

/** @param {string | null} cursor */
async function load(cursor) {
  const asked = (question += 1);
  place = cursor;
  const filter = new FormData(byId('filter', HTMLFormElement));
  const query = new URLSearchParams({ limit: String(SHOWN_MAX) });
  for (const name of ['q', 'category']) {
    const value = filter.get(name);
    if (typeof value === 'string' && value.trim()) query.set(name, value.trim());
  }
  if (cursor) query.set('cursor', cursor);
  const outcome = byId('products-outcome', HTMLElement);
  try {
    /** @type {Page<Product>} */
    const page = await ask('GET', `/api/v1/products?${query}`);
    if (asked !== question) return;
    show(page, cursor !== null);
    say(outcome, 'info', '');
  } catch (error) {
    if (asked === question) say(outcome, 'bad', error instanceof Error ? error.message : String(error));
  }
}

/**
 * @param {Page<Product>} page
 * @param {boolean} further
 */
function show(page, further) {
  const before = cards;
  cards = new Map();
  for (const product of page.data) {
    learn(product);
    const key = `${product.productId}-${product.version}`;
    const known = before.get(key);
    known?.renew(product, live);
    cards.set(key, known ?? createCard(product, reload));
  }
  for (const [key, card] of before) if (!cards.has(key)) card.stop();
  // A card that stays keeps what was typed into it, and what it said last.
  list(byId('products', HTMLUListElement), [...cards], ([key]) => key, ([, card]) => card.element);
  setVisible(byId('products-none', HTMLElement), cards.size === 0);
  const more = byId('more', HTMLButtonElement);
  more.onclick = () => void load(page.nextCursor);
  setVisible(more, page.nextCursor !== null);
  setVisible(byId('first', HTMLButtonElement), further);
}

async function loadCategories() {
  /** @type {Page<{ category: string, products: number }>} */
  const page = await ask('GET', '/api/v1/categories?limit=100');
  const options = page.data.map(({ category, products }) =>
    make('option', { value: category }, `${category} (${products})`),
  );
  const select = byId('category', HTMLSelectElement);
  const { value } = select;
  select.replaceChildren(make('option', { value: '' }, 'All categories'), ...options);
  select.value = value;
}

function wireProducts() {
  const form = byId('filter', HTMLFormElement);
  /** @type {number | undefined} */
  let typing;
  form.addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(() => void load(null), TYPING_MS);
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void load(null);
  });
  byId('first', HTMLButtonElement).addEventListener('click', () => void load(null));
  const all = () => {
    reload();
    loadCategories().catch(() => {
      // The list of products says what is wrong.
    });
  };
  all();
  let wasAway = false;
  onLive((state) => {
    live = state === 'live';
    // Back again: prices and products may have changed meanwhile; stock comes by itself.
    if (live && wasAway) all();
    wasAway = !live && state !== 'connecting';
  });
  whileSeen(LOOK_MS, reload);
  clock.everyTick(() => {
    for (const card of cards.values()) card.render();
  });
}

void start(() => {
  wireSales();
  wireProducts();
  wireHolds();
  wireWaiting();
  wireCart();
  whileSeen(LOOK_MS, refreshCart);
  wireOrders();
});
