// Waiting: purchases in the queue, each with its live position until it is decided.

import { byId, list, make, setText, setVisible } from '../shared/dom.js';
import { follow } from '../shared/live.js';
import { show } from '../shared/money.js';
import { onSession } from '../shared/session.js';
import { showNames } from '../shared/names.js';

/** @typedef {import('../shared/documents.js').QueuedPurchase} QueuedPurchase */

/** How many are shown; each is followed. */
const SHOWN_MAX = 5;

/** @type {Map<string, { purchase: QueuedPurchase, stop: () => void }>} */
const waiting = new Map();

export function wireWaiting() {
  onSession(() => {
    for (const { stop } of waiting.values()) stop();
    waiting.clear();
    render();
  });
}

/** @param {QueuedPurchase} purchase */
export function addWaiting(purchase) {
  const id = purchase.purchaseId;
  const entry = { purchase, stop: () => {} };
  waiting.set(id, entry);
  const [oldest] = waiting.keys();
  if (waiting.size > SHOWN_MAX && oldest !== undefined) {
    waiting.get(oldest)?.stop();
    waiting.delete(oldest);
  }
  entry.stop = follow(`purchase:${id}`, (value) => {
    // null: nothing is known of it yet.
    if (value) announce(entry.purchase, value);
    if (value) entry.purchase = value;
    render();
  });
  render();
}

/**
 * What somebody who does not see the page must hear: what was decided, and no position on the way there.
 * @param {QueuedPurchase} before
 * @param {QueuedPurchase} purchase
 */
function announce(before, purchase) {
  if (before.status !== 'queued' || purchase.status === 'queued') return;
  setText(byId('spoken', HTMLElement), `Out of the queue: ${words(purchase)}`);
}

function render() {
  const all = [...waiting.values()].map(({ purchase }) => purchase);
  setVisible(byId('waiting-panel', HTMLElement), all.length > 0);
  list(byId('waiting', HTMLUListElement), all, (purchase) => purchase.purchaseId, create, update);
}

/** @param {QueuedPurchase} purchase */
function create(purchase) {
  const title = make('p');
  showNames(title, `${purchase.quantity} ×`, [purchase.productId]);
  return make('li', {}, title, make('p', { class: 'state' }));
}

/**
 * @param {HTMLElement} element
 * @param {QueuedPurchase} purchase
 */
function update(element, purchase) {
  const state = element.querySelector('.state');
  if (state) setText(state, words(purchase));
}

/** @param {QueuedPurchase} purchase */
function words({ status, position, estimatedWaitSeconds, total, detail }) {
  switch (status) {
    case 'queued':
      return `Position ${position ?? '…'}, about ${estimatedWaitSeconds ?? '…'} s to wait.`;
    case 'confirmed':
      return `Bought${total ? ` for ${show(total)}` : ''}.`;
    default:
      return `Not bought: ${detail ?? 'it was refused'}.`;
  }
}
