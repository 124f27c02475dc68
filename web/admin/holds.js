// Holds: what is held right now, the newest first, and how an operator ends it. A line of an order ends with its
// order.

import { ask, drawKey } from '../shared/api.js';
import * as clock from '../shared/clock.js';
import { byId, list, make, nameAfter, pressTwice, say, setEnabled, setText, setVisible } from '../shared/dom.js';
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
/** Newer ones that wait until nobody is at the list: a click must not meet another row than the one aimed at. */
/** @type {Reservation[] | null} */
let waiting = null;
let askedAt = Number.NEGATIVE_INFINITY;
/** @type {number | undefined} */
let timer;

export function wireHolds() {
  byId('holds-first', HTMLButtonElement).addEventListener('click', () => void loadHolds(null));
  const rows = byId('holds', HTMLUListElement);
  const left = () => {
    if (waiting && !isInUse()) render(waiting);
  };
  rows.addEventListener('mouseleave', left);
  // Only then the focus is where it goes to.
  rows.addEventListener('focusout', () => setTimeout(left));
  clock.everyTick(tick);
}

/** Whether somebody points at a hold, or is on one by keyboard. */
function isInUse() {
  const rows = byId('holds', HTMLUListElement);
  return holds.size > 0 && (rows.matches(':hover') || rows.contains(document.activeElement));
}

/** The page that is shown, again: whoever has gone on is not sent back to the newest. */
export function reloadHolds() {
  return loadHolds(place);
}

/**
 * @param {string | null} cursor
 * @param {boolean} [patient] whether it waits while somebody is at the list
 */
async function loadHolds(cursor, patient = false) {
  const asked = (question += 1);
  askedAt = performance.now();
  const query = new URLSearchParams({ limit: String(SHOWN_MAX) });
  if (cursor) query.set('cursor', cursor);
  try {
    /** @type {Holds} */
    const page = await ask('GET', `/api/v1/reservations?${query}`);
    if (asked !== question) return;
    place = cursor;
    if (patient && isInUse()) keepWaiting(page.data);
    else render(page.data);
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
    if (!document.hidden) void loadHolds(place, true);
  }, wait);
}

/** @param {Reservation[]} found */
function keepWaiting(found) {
  waiting = found;
  const newer = found.filter((hold) => !holds.has(hold.reservationId)).length;
  setText(byId('holds-newer', HTMLElement), newer > 0 ? `${newer} newer, shown when you leave the list.` : '');
}

/** @param {Reservation[]} shown */
function render(shown) {
  waiting = null;
  setText(byId('holds-newer', HTMLElement), '');
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
  const customer = make('p', {}, hold.customerId);
  const line = hold.orderId ? make('span', { class: 'tag' }, 'line of an order') : null;
  return make(
    'li',
    { class: 'item', 'data-hold': hold.reservationId },
    make(
      'div',
      {},
      make('h3', {}, title, ` · ${show(hold.total)} `, line),
      customer,
      make('p', { class: 'quiet' }, `${clock.local(hold.createdAt)} · `, make('code', {}, hold.reservationId)),
    ),
    make('div', { class: 'row' }, make('strong', { class: 'left', role: 'timer' }), ending(hold, customer)),
  );
}

/**
 * The button that ends it.
 * @param {Reservation} hold
 * @param {HTMLElement} customer
 */
function ending(hold, customer) {
  const { customerId, orderId, quantity, reservationId } = hold;
  const [label, action] = orderId
    ? /** @type {const} */ (['Cancel order', () => cancel(orderId)])
    : /** @type {const} */ (['Release', () => release(reservationId)]);
  const made = make('button', { type: 'button', class: 'small second' }, label);
  nameAfter(made, customer);
  const question = orderId ? `${label} of ${customerId}?` : `${label} ${quantity} of ${customerId}?`;
  pressTwice(made, byId('holds-outcome', HTMLElement), question, async () => {
    await action();
    await reloadHolds();
    return orderId ? `The order of ${customerId} is cancelled.` : `What ${customerId} held is released.`;
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
