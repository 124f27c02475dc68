// Holds: units that are kept for this customer for a while. The ids are kept in this browser only; what became
// of them is asked of the server.

import { ask, drawKey, Refusal } from '../shared/api.js';
import * as clock from '../shared/clock.js';
import { byId, list, make, press, setEnabled, setText, setVisible } from '../shared/dom.js';
import { show } from '../shared/money.js';
import { onSession, session } from '../shared/session.js';
import { showNames } from '../shared/names.js';

/** @typedef {import('../shared/documents.js').Reservation} Reservation */

/** How many are remembered. */
const HOLDS_MAX = 20;
/** How often it is looked what became of them, in milliseconds: an operator can end them, too. */
const LOOK_MS = 10_000;
/** How long a hold that is over is still shown, in milliseconds. */
const GOODBYE_MS = 8_000;

/** @type {Map<string, Reservation>} */
const holds = new Map();

const place = () => `lastunit.holds.${session.customerId ?? ''}`;

export function wireHolds() {
  const load = () => {
    holds.clear();
    render();
    for (const id of stored()) void look(id);
  };
  onSession(load);
  load();
  clock.everyTick(tick);
  setInterval(() => {
    if (document.hidden) return;
    for (const hold of holds.values()) if (hold.status === 'held') void lookAgain(hold.reservationId);
  }, LOOK_MS);
}

/** @param {Reservation} reservation */
export function addHold(reservation) {
  holds.set(reservation.reservationId, reservation);
  keep();
  render();
}

/** @returns {string[]} */
function stored() {
  try {
    const ids = /** @type {unknown} */ (JSON.parse(localStorage.getItem(place()) ?? '[]'));
    return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string').slice(-HOLDS_MAX) : [];
  } catch {
    return [];
  }
}

function keep() {
  const ids = [...holds.values()].filter((hold) => hold.status === 'held').map((hold) => hold.reservationId);
  localStorage.setItem(place(), JSON.stringify(ids.slice(-HOLDS_MAX)));
}

/**
 * What became of a hold that was made before.
 * @param {string} id
 */
async function look(id) {
  try {
    /** @type {Reservation} */
    const reservation = await ask('GET', `/api/v1/reservations/${id}`);
    if (reservation.status === 'held') holds.set(id, reservation);
    else drop(id);
  } catch (error) {
    if (error instanceof Refusal && error.status === 404) drop(id);
  }
  render();
}

/**
 * Whether a hold that is shown still is one.
 * @param {string} id
 */
async function lookAgain(id) {
  try {
    /** @type {Reservation} */
    const { status, expiresAt } = await ask('GET', `/api/v1/reservations/${id}`);
    const hold = holds.get(id);
    // It may have ended here while the answer was on its way.
    if (hold?.status !== 'held') return;
    if (status === 'held') holds.set(id, { ...hold, expiresAt });
    else end(id, status);
  } catch {
    // It is looked again; without an answer it counts down to its end.
  }
}

/** @param {string} id */
function drop(id) {
  holds.delete(id);
  const ids = stored().filter((known) => known !== id);
  localStorage.setItem(place(), JSON.stringify(ids));
}

function render() {
  list(byId('holds', HTMLUListElement), [...holds.values()], (hold) => hold.reservationId, create);
  setVisible(byId('holds-none', HTMLElement), holds.size === 0);
  tick();
}

/** @param {Reservation} hold */
function create(hold) {
  const title = make('span');
  showNames(title, `${hold.quantity} ×`, [hold.productId]);
  const left = make('strong', { class: 'left' });
  const outcome = make('p', { class: 'outcome', role: 'status' });
  const id = hold.reservationId;
  const confirm = make('button', { type: 'button', class: 'small' }, 'Confirm');
  confirm.addEventListener('click', () => {
    void press(confirm, outcome, async () => {
      await ask('POST', `/api/v1/reservations/${id}/confirm`, { key: drawKey() });
      end(id, 'confirmed');
      return `Bought for ${show(hold.total)}.`;
    });
  });
  const release = make('button', { type: 'button', class: 'small second' }, 'Release');
  release.addEventListener('click', () => {
    void press(release, outcome, async () => {
      await ask('DELETE', `/api/v1/reservations/${id}`, { key: drawKey() });
      end(id, 'released');
      return 'Released: somebody else can have it.';
    });
  });
  const what = make('div', { class: 'row between' }, title, make('span', {}, show(hold.total)));
  const how = make('div', { class: 'row between' }, left, make('span', { class: 'row' }, confirm, release));
  return make('li', {}, what, how, outcome);
}

/**
 * @param {string} id
 * @param {string} status
 */
function end(id, status) {
  const hold = holds.get(id);
  if (!hold) return;
  holds.set(id, { ...hold, status });
  keep();
  tick();
  setTimeout(() => {
    holds.delete(id);
    render();
  }, GOODBYE_MS);
}

/** Counts down, and lets go of what has run out. */
function tick() {
  for (const element of byId('holds', HTMLUListElement).children) {
    if (!(element instanceof HTMLElement)) continue;
    const hold = holds.get(element.dataset.key ?? '');
    const left = element.querySelector('.left');
    if (!hold || !left) continue;
    const ms = clock.until(hold.expiresAt);
    if (hold.status === 'held' && ms === 0) end(hold.reservationId, 'expired');
    const { status } = holds.get(hold.reservationId) ?? hold;
    setText(left, status === 'held' ? clock.countdown(ms) : status);
    for (const button of element.querySelectorAll('button')) setEnabled(button, status === 'held');
  }
}
