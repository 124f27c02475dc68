// Products: creating, changing and restocking them. Stock changes by what is added or taken away, never by
// setting it: that would erase the sales of the meantime.

import { ask, Clicks, drawKey } from '../shared/api.js';
import { byId, field, list, make, onSend, press, say, setText, setVisible } from '../shared/dom.js';
import { follow } from '../shared/live.js';
import { parse, plain, show } from '../shared/money.js';

/** @typedef {import('../shared/documents.js').Product} Product */
/** @typedef {import('../shared/documents.js').Stock} Stock */
/**
 * @template T
 * @typedef {import('../shared/documents.js').Page<T>} Page
 */

/** Products on the page; each is followed. */
const SHOWN_MAX = 20;

/** @typedef {{ product: Product, stock: Stock | null, stop: () => void }} Shown */

/** @type {Map<string, Shown>} */
let shown = new Map();
let question = 0;
/** Where the page that is shown began. @type {string | null} */
let place = null;

/** The products that a sale can be made of. */
export function knownProducts() {
  return [...shown.values()].map(({ product }) => product);
}

export function wireProducts() {
  const outcome = byId('products-outcome', HTMLElement);
  const form = byId('product-form', HTMLFormElement);
  onSend(form, outcome, async (data) => {
    /** @type {Product} */
    const product = await ask('POST', '/api/v1/products', { body: created(data) });
    form.reset();
    // The list follows a moment later: what was answered is shown at once.
    render([product, ...knownProducts()].slice(0, SHOWN_MAX));
    return `${product.name} is product ${product.productId} now.`;
  });
  const filter = byId('filter', HTMLFormElement);
  filter.addEventListener('input', () => void loadProducts(null));
  filter.addEventListener('submit', (event) => event.preventDefault());
  byId('products-first', HTMLButtonElement).addEventListener('click', () => void loadProducts(null));
}

/** @param {FormData} data */
function created(data) {
  const limit = field(data, 'limit');
  return {
    name: field(data, 'name'),
    price: parse(field(data, 'price'), field(data, 'currency').toUpperCase()),
    stock: Number(field(data, 'stock')),
    sku: field(data, 'sku') || null,
    category: field(data, 'category') || null,
    description: field(data, 'description') || null,
    imageUrl: field(data, 'image') || null,
    limitPerCustomer: limit ? Number(limit) : null,
  };
}

/** @param {string | null} cursor */
export async function loadProducts(cursor) {
  const asked = (question += 1);
  const query = new URLSearchParams({ limit: String(SHOWN_MAX), active: 'all', sort: 'newest' });
  const text = field(new FormData(byId('filter', HTMLFormElement)), 'q');
  if (text) query.set('q', text);
  if (cursor) query.set('cursor', cursor);
  try {
    /** @type {Page<Product>} */
    const page = await ask('GET', `/api/v1/products?${query}`);
    if (asked !== question) return;
    place = cursor;
    render(page.data);
    const more = byId('products-more', HTMLButtonElement);
    more.onclick = () => void loadProducts(page.nextCursor);
    setVisible(more, page.nextCursor !== null);
    setVisible(byId('products-first', HTMLButtonElement), cursor !== null);
  } catch (error) {
    say(byId('products-outcome', HTMLElement), 'bad', error instanceof Error ? error.message : String(error));
  }
}

/** Somebody else may have made or changed some. What is being typed stays, for rows that did not change. */
export function refreshProducts() {
  return loadProducts(place);
}

/** @param {Product[]} products */
function render(products) {
  const before = shown;
  shown = new Map();
  for (const product of products) {
    // Of another version it is another row: its form shows other values.
    const key = `${product.productId}-${product.version}`;
    shown.set(key, before.get(key) ?? { product, stock: null, stop: () => {} });
  }
  for (const [key, { stop }] of before) if (!shown.has(key)) stop();
  list(byId('products', HTMLUListElement), [...shown], ([key]) => key, ([, entry]) => create(entry));
}

/** @param {Shown} entry */
function create(entry) {
  const { product } = entry;
  const outcome = byId('products-outcome', HTMLElement);
  const counts = make('p', { class: 'counts' });
  const about = [`#${product.productId}`, product.sku, product.category].filter(Boolean).join(' · ');
  const toggle = make('button', { type: 'button', class: 'small second' }, product.active ? 'Stop selling' : 'Sell again');
  toggle.setAttribute('aria-label', `${product.active ? 'Stop selling' : 'Sell again'}: ${product.name}`);
  toggle.addEventListener('click', () => {
    void press(toggle, outcome, async () => {
      await patch(product, { active: !product.active });
      return `${product.name} is ${product.active ? 'not sold any more' : 'sold again'}.`;
    });
  });
  const element = make(
    'li',
    { class: 'item', 'data-product': product.productId },
    make(
      'div',
      {},
      make('h3', {}, product.name, ' ', product.active ? null : make('span', { class: 'tag', 'data-tone': 'bad' }, 'not sold')),
      make('p', { class: 'quiet' }, about),
    ),
    make('p', { class: 'row' }, make('strong', {}, show(product.price)), toggle),
    counts,
    adjustment(product),
    editor(product),
  );
  const update = () => setText(counts, words(entry.stock ?? product));
  entry.stop = follow(`stock:${product.productId}`, (stock) => {
    entry.stock = stock;
    update();
  });
  update();
  return element;
}

/** @param {Pick<Stock, 'available' | 'held' | 'sold' | 'stocked'>} stock */
function words({ available, held, sold, stocked }) {
  return `${available} available · ${held} held · ${sold} sold · ${stocked} in all`;
}

/** @param {Product} product */
function adjustment(product) {
  const form = make(
    'form',
    { class: 'adjust' },
    make('label', {}, 'Add or take away', make('input', { name: 'delta', type: 'number', step: 1, placeholder: '±', required: true })),
    make('label', {}, 'Why', make('input', { name: 'reason', maxlength: 200, value: 'delivery', required: true })),
    make('button', { class: 'second' }, 'Adjust'),
  );
  const clicks = new Clicks();
  form.setAttribute('aria-label', `Stock of ${product.name}`);
  onSend(form, byId('products-outcome', HTMLElement), async (data) => {
    const body = { delta: Number(field(data, 'delta')), reason: field(data, 'reason') };
    const path = `/api/v1/products/${product.productId}/stock/adjustments`;
    /** @type {Stock} */
    const stock = await clicks.ask('POST', path, { body });
    form.reset();
    return `${product.name}: ${words(stock)}.`;
  });
  return form;
}

/** @param {Product} product */
function editor(product) {
  /**
   * @param {string} label
   * @param {string} name
   * @param {string} value
   */
  const text = (label, name, value, attributes = {}) =>
    make('label', {}, label, make('input', { name, value, ...attributes }));
  const form = make(
    'form',
    { class: 'fields' },
    text('Name', 'name', product.name, { maxlength: 200, required: true }),
    text(`Price in ${product.price.currency}`, 'price', plain(product.price), { inputmode: 'decimal', required: true }),
    text('SKU', 'sku', product.sku ?? '', { maxlength: 64 }),
    text('Category', 'category', product.category ?? '', { maxlength: 64 }),
    text('Description', 'description', product.description ?? '', { maxlength: 2000 }),
    text('Picture (https://…)', 'image', product.imageUrl ?? '', { type: 'url', maxlength: 500 }),
    make('button', {}, 'Change'),
  );
  onSend(form, byId('products-outcome', HTMLElement), async (data) => {
    await patch(product, {
      name: field(data, 'name'),
      price: parse(field(data, 'price'), product.price.currency),
      sku: field(data, 'sku') || null,
      category: field(data, 'category') || null,
      description: field(data, 'description') || null,
      imageUrl: field(data, 'image') || null,
    });
    return `${field(data, 'name')} is changed.`;
  });
  const summary = make('summary', { 'aria-label': `Change ${product.name}` }, 'Change');
  return make('details', { class: 'full' }, summary, form);
}

/**
 * Changes a product as it was seen: somebody else's change is not overwritten.
 * @param {Product} product
 * @param {Record<string, unknown>} change
 */
async function patch(product, change) {
  await ask('PATCH', `/api/v1/products/${product.productId}`, {
    body: change,
    key: drawKey(),
    match: product.version,
  });
  await loadProducts(place);
}
