// Sales: creating them, and pausing, resuming and ending one that is there.

import { ask, Clicks } from '../shared/api.js';
import * as clock from '../shared/clock.js';
import { byId, field, list, make, onSend, press, say, setText, setVisible } from '../shared/dom.js';
import { follow } from '../shared/live.js';
import { parse, show as money } from '../shared/money.js';
import { knownProducts } from './products.js';

/** @typedef {import('../shared/documents.js').Sale} Sale */
/**
 * @template T
 * @typedef {import('../shared/documents.js').Page<T>} Page
 */

/** Sales on the page, newest first. */
const SHOWN_MAX = 10;
/** Of these, those that are followed: they may change by themselves. */
const FOLLOWED_MAX = 6;

/** @type {Map<number, { sale: Sale, stop: () => void }>} */
const sales = new Map();

const TONES = { scheduled: 'warn', open: 'good', paused: 'warn', ended: '' };

export function wireSales() {
  const outcome = byId('sales-outcome', HTMLElement);
  const form = byId('sale-form', HTMLFormElement);
  const lines = byId('sale-lines', HTMLElement);
  byId('sale-line', HTMLButtonElement).addEventListener('click', () => lines.append(line()));
  lines.addEventListener('focusin', ({ target }) => {
    if (target instanceof HTMLSelectElement) fill(target);
  });
  form.closest('details')?.addEventListener('toggle', () => {
    if (lines.children.length === 0) lines.append(line());
  });
  const clicks = new Clicks();
  onSend(form, outcome, async (data) => {
    /** @type {Sale} */
    const sale = await clicks.ask('POST', '/api/v1/sales', { body: created(data) });
    form.reset();
    lines.replaceChildren(line());
    // The list follows a moment later: what was answered is shown at once.
    show([sale, ...[...sales.values()].map((entry) => entry.sale)].slice(0, SHOWN_MAX));
    return `${sale.name} is sale ${sale.saleId} now.`;
  });
  clock.everyTick(render);
}

/** One product of a sale that is to be created. */
function line() {
  const select = make('select', { name: 'product', required: true });
  fill(select);
  const remove = make('button', { type: 'button', class: 'second', 'aria-label': 'Remove this product' }, 'Remove');
  const element = make(
    'div',
    { class: 'line' },
    make('label', {}, 'Product', select),
    make('label', {}, 'Price', make('input', { name: 'price', inputmode: 'decimal', placeholder: '9.99', required: true })),
    make('label', {}, 'Units', make('input', { name: 'units', type: 'number', min: 1, required: true })),
    make('label', {}, 'Limit per customer', make('input', { name: 'limit', type: 'number', min: 1 })),
    remove,
  );
  remove.addEventListener('click', () => {
    const lines = element.parentElement;
    element.remove();
    // A sale has at least one.
    if (lines?.children.length === 0) lines.append(line());
    byId('sale-line', HTMLButtonElement).focus();
  });
  return element;
}

/**
 * The products of now; what was chosen stays, also when it is on another page of the list meanwhile.
 * @param {HTMLSelectElement} select
 */
function fill(select) {
  const [chosen] = select.selectedOptions;
  const options = knownProducts()
    .filter((product) => product.active)
    .map((product) => make('option', { value: `${product.productId} ${product.price.currency}` }, product.name));
  if (chosen && !options.some(({ value }) => value === chosen.value)) options.push(chosen);
  select.replaceChildren(...options);
  if (chosen) select.value = chosen.value;
}

/** @param {FormData} data */
function created(data) {
  const all = (/** @type {string} */ name) => data.getAll(name).map(String);
  const [prices, units, limits] = [all('price'), all('units'), all('limit')];
  const products = all('product').map((product, place) => {
    const [id, currency = ''] = product.split(' ');
    const limit = limits[place];
    return {
      productId: Number(id),
      price: parse(prices[place] ?? '', currency),
      units: Number(units[place]),
      limitPerCustomer: limit ? Number(limit) : null,
    };
  });
  const time = (/** @type {string} */ name) => new Date(field(data, name)).toISOString();
  const starts = field(data, 'starts') ? { startsAt: time('starts') } : {};
  const before = field(data, 'before') === 'true';
  return { name: field(data, 'name'), ...starts, endsAt: time('ends'), sellsBefore: before, products };
}

export async function loadSales() {
  try {
    /** @type {Page<Sale>} */
    const page = await ask('GET', `/api/v1/sales?limit=${SHOWN_MAX}`);
    show(page.data);
  } catch (error) {
    say(byId('sales-outcome', HTMLElement), 'bad', error instanceof Error ? error.message : String(error));
  }
}

/** @param {Sale[]} shown */
function show(shown) {
  const before = [...sales.values()];
  sales.clear();
  for (const sale of shown) {
    const entry = { sale, stop: () => {} };
    sales.set(sale.saleId, entry);
    if (sale.state === 'ended' || sales.size > FOLLOWED_MAX) continue;
    entry.stop = follow(`sale:${sale.saleId}`, (value) => {
      if (!value) return;
      entry.sale = value;
      render();
    });
  }
  // Only now: a topic that is followed again keeps its value.
  for (const { stop } of before) stop();
  setVisible(byId('sales-none', HTMLElement), sales.size === 0);
  render();
}

function render() {
  const all = [...sales.values()].map(({ sale }) => sale);
  list(byId('sales', HTMLUListElement), all, (sale) => `${sale.saleId}`, create, update);
}

/** @param {Sale} sale */
function create(sale) {
  const outcome = byId('sales-outcome', HTMLElement);
  const button = (/** @type {string} */ label, /** @type {string} */ verb) => {
    const attributes = { class: 'small second', 'data-verb': verb, 'aria-label': `${label}: ${sale.name}` };
    const made = make('button', { type: 'button', ...attributes }, label);
    made.addEventListener('click', () => {
      void press(made, outcome, async () => {
        /** @type {Sale} */
        const after = await ask('POST', `/api/v1/sales/${sale.saleId}/${verb}`);
        const entry = sales.get(after.saleId);
        if (entry) entry.sale = after;
        render();
        return `${after.name} is ${after.state}.`;
      });
    });
    return made;
  };
  const products = sale.products.map(
    (product) => `#${product.productId}: ${product.units} for ${money(product.price)}`,
  );
  return make(
    'li',
    { class: 'item', 'data-sale': sale.saleId },
    make(
      'div',
      {},
      make('h3', {}, sale.name, ' ', make('span', { class: 'tag' })),
      make('p', { class: 'quiet' }, `${clock.local(sale.startsAt)} to ${clock.local(sale.endsAt)} · ${products.join(', ')}`),
    ),
    make('div', { class: 'row' }, button('Pause', 'pause'), button('Resume', 'resume'), button('End now', 'end')),
    make('p', { class: 'counts full' }),
  );
}

/**
 * @param {HTMLElement} element
 * @param {Sale} sale
 */
function update(element, sale) {
  const tag = element.querySelector('.tag');
  if (tag instanceof HTMLElement) {
    setText(tag, sale.state);
    tag.dataset.tone = TONES[sale.state];
  }
  const verbs = { pause: sale.state === 'open', resume: sale.state === 'paused', end: sale.state !== 'ended' };
  for (const [verb, visible] of Object.entries(verbs)) {
    const button = element.querySelector(`[data-verb="${verb}"]`);
    if (button instanceof HTMLElement) setVisible(button, visible);
  }
  const counts = element.querySelector('.counts');
  const sum = (/** @type {'units' | 'available'} */ name) => sale.products.reduce((all, product) => all + product[name], 0);
  const [word, time] = sale.state === 'scheduled' ? ['opens', sale.startsAt] : ['ends', sale.endsAt];
  const when = `${word} ${clock.when(Date.parse(time), clock.now())}`;
  if (counts) setText(counts, `${sum('available')} of ${sum('units')} left${sale.state === 'ended' ? '' : ` · ${when}`}`);
}
