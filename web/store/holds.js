// Holds: units that are kept for this customer for a while, in whichever window they were taken. Which those are,
// and what became of them, is asked of the server.

import { ask, drawKey } from '../shared/api.js';
import * as clock from '../shared/clock.js';
import { byId, list, make, nameAfter, press, setEnabled, setText, setVisible } from '../shared/dom.js';
import { show } from '../shared/money.js';
import { whileSeen } from '../shared/page.js';
import { onSession, session } from '../shared/session.js';
import { showNames } from '../shared/names.js';

/** @typedef {import('../shared/documents.js').Reservation} Reservation */
/** @typedef {import('../shared/documents.js').Page<Reservation> & { upToDate: boolean }} Holds */

/** How many are asked for. */
const HOLDS_MAX = 20;
/** How often it is looked what became of them, in milliseconds: an operator can end them, too. */
const LOOK_MS = 10_000;
/** How soon it is looked again when the list is behind, in milliseconds. */
const AGAIN_MS = 1_000;
/** How long a hold that is over is still shown, in milliseconds. */
const GOODBYE_MS = 8_000;

/** @type {Map<string, Reservation>} */
const holds = new Map();
/** Those that have ended here: a list that is behind does not bring them back. @type {Set<string>} */
const over = new Set();
/** @type {number | undefined} */
let again;

export function wireHolds() {
  const load = () => {
    holds.clear();
    render();
    void look();
  };
  onSession(load);
  load();
  clock.everyTick(tick);
  whileSeen(LOOK_MS, () => void look());
}

/** @param {Reservation} reservation */
export function addHold(reservation) {
  holds.set(reservation.reservationId, reservation);
  render();
}

/** What this customer holds right now; of what is shown and not among it, what became of it. */
async function look() {
  const { customerId } = session;
  if (!customerId) return;
  const query = new URLSearchParams({ customerId, limit: String(HOLDS_MAX) });
  const shown = [...holds.values()].filter((hold) => hold.status === 'held');
  try {
    /** @type {Holds} */
    const page = await ask('GET', `/api/v1/reservations?${query}`);
    if (session.customerId !== customerId) return;
    const found = new Set(page.data.map((hold) => hold.reservationId));
    // Newest first, and shown below those that were here.
    for (const hold of page.data.reverse()) add(hold);
    render();
    for (const hold of shown) if (!found.has(hold.reservationId)) void lookAgain(hold.reservationId);
    clearTimeout(again);
    if (!page.upToDate) again = setTimeout(() => void look(), AGAIN_MS);
  } catch {
    // It is looked again; meanwhile what is shown counts down to its end.
  }
}

/** @param {Reservation} hold */
function add(hold) {
  // A line of an order ends with its order, which is shown as one.
  if (hold.orderId || over.has(hold.reservationId)) return;
  holds.set(hold.reservationId, hold);
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
  nameAfter(confirm, title);
  nameAfter(release, title);
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
  over.add(id);
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
