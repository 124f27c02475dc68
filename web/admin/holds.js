// Holds: what is held right now, the newest first, and how an operator ends it. A line of an order ends with its
// order.

import { ask, drawKey } from '../shared/api.js';
import * as clock from '../shared/clock.js';
import { byId, list, make, press, say, setEnabled, setText, setVisible } from '../shared/dom.js';
import { show } from '../shared/money.js';
import { showNames } from '../shared/names.js';

/** @typedef {import('../shared/documents.js').Order} Order */
/** @typedef {import('../shared/documents.js').Reservation} Reservation */
/** @typedef {import('../shared/documents.js').Page<Reservation> & { upToDate: boolean }} Holds */

/** Holds on the page. */
const SHOWN_MAX = 20;
/** In a sale their number changes all the time: they are asked for no more often than this, in milliseconds. */
const REFRESH_MS = 2_000;

/** @type {Map<string, Reservation>} */
const holds = new Map();
let question = 0;
/** Where the page that is shown began. @type {string | null} */
let place = null;
let askedAt = Number.NEGATIVE_INFINITY;
/** @type {number | undefined} */
let timer;

export function wireHolds() {
  byId('holds-first', HTMLButtonElement).addEventListener('click', () => void loadHolds(null));
  clock.everyTick(tick);
}

/** @param {string | null} cursor */
export async function loadHolds(cursor) {
  const asked = (question += 1);
  askedAt = performance.now();
  const query = new URLSearchParams({ limit: String(SHOWN_MAX) });
  if (cursor) query.set('cursor', cursor);
  try {
    /** @type {Holds} */
    const page = await ask('GET', `/api/v1/reservations?${query}`);
    if (asked !== question) return;
    place = cursor;
    render(page.data);
    const more = byId('holds-more', HTMLButtonElement);
    more.onclick = () => void loadHolds(page.nextCursor);
    setVisible(more, page.nextCursor !== null);
    setVisible(byId('holds-first', HTMLButtonElement), cursor !== null);
    if (!page.upToDate) refreshHolds();
  } catch (error) {
    say(byId('holds-outcome', HTMLElement), 'bad', error instanceof Error ? error.message : String(error));
  }
}

/** Something may have changed: they are asked for again, soon. */
export function refreshHolds() {
  if (timer !== undefined) return;
  const wait = Math.max(0, askedAt + REFRESH_MS - performance.now());
  timer = setTimeout(() => {
    timer = undefined;
    if (!document.hidden) void loadHolds(place);
  }, wait);
}

/** @param {Reservation[]} shown */
function render(shown) {
  holds.clear();
  for (const hold of shown) holds.set(hold.reservationId, hold);
  list(byId('holds', HTMLUListElement), shown, (hold) => hold.reservationId, create);
  setVisible(byId('holds-none', HTMLElement), shown.length === 0);
  tick();
}

/** @param {Reservation} hold */
function create(hold) {
  const title = make('span');
  showNames(title, `${hold.quantity} ×`, [hold.productId]);
  const line = hold.orderId ? make('span', { class: 'tag' }, 'line of an order') : null;
  return make(
    'li',
    { class: 'item', 'data-hold': hold.reservationId },
    make(
      'div',
      {},
      make('h3', {}, title, ` · ${show(hold.total)} `, line),
      make('p', {}, hold.customerId),
      make('p', { class: 'quiet' }, `${clock.local(hold.createdAt)} · `, make('code', {}, hold.reservationId)),
    ),
    make('div', { class: 'row' }, make('strong', { class: 'left', role: 'timer' }), ending(hold)),
  );
}

/**
 * The button that ends it.
 * @param {Reservation} hold
 */
function ending(hold) {
  const { customerId, orderId, reservationId } = hold;
  const [label, action] = orderId
    ? /** @type {const} */ (['Cancel order', () => cancel(orderId)])
    : /** @type {const} */ (['Release', () => release(reservationId)]);
  const attributes = { class: 'small second', 'aria-label': `${label}: ${customerId}` };
  const made = make('button', { type: 'button', ...attributes }, label);
  made.addEventListener('click', () => {
    void press(made, byId('holds-outcome', HTMLElement), async () => {
      await action();
      await loadHolds(place);
      return orderId ? `The order of ${customerId} is cancelled.` : `What ${customerId} held is released.`;
    });
  });
  return made;
}

/** @param {string} id */
async function release(id) {
  await ask('DELETE', `/api/v1/reservations/${id}`, { key: drawKey() });
}

/** @param {string} id */
async function cancel(id) {
  /** @type {Order} */
  const after = await ask('POST', `/api/v1/orders/${id}/cancel`, { body: {} });
  if (after.status !== 'cancelled') throw new Error(`The order is ${after.status.replace('_', ' ')}.`);
}

/** Counts down by the server's clock. */
function tick() {
  for (const element of byId('holds', HTMLUListElement).children) {
    if (!(element instanceof HTMLElement)) continue;
    const hold = holds.get(element.dataset.key ?? '');
    const left = element.querySelector('.left');
    const button = element.querySelector('button');
    if (!hold || !left || !button) continue;
    const ms = clock.until(hold.expiresAt);
    setText(left, ms > 0 ? clock.countdown(ms) : 'over');
    setEnabled(button, ms > 0);
  }
}
