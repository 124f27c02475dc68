// Operator: the page for whoever runs the shop. What may be done is decided by the server; this page only asks
// whether somebody may come in.

import { ask, Refusal } from '../shared/api.js';
import { byId, setText, setVisible } from '../shared/dom.js';
import { follow, onLive } from '../shared/live.js';
import { start } from '../shared/page.js';
import { onSession, session } from '../shared/session.js';
import { loadHolds, refreshHolds, wireHolds } from './holds.js';
import { loadKeys, wireKeys } from './keys.js';
import { loadLetters } from './letters.js';
import { followOrders } from './orders.js';
import { loadProducts, refreshProducts, wireProducts } from './products.js';
import { loadSales, wireSales } from './sales.js';

/** @typedef {import('../shared/documents.js').Queues} Queues */
/** @typedef {import('../shared/documents.js').Sample} Sample */

/** How often it is looked at what nobody tells of, in milliseconds. */
const LOOK_MS = 5_000;

let inside = false;
/** How many holds there were when the server said so last. */
let held = -1;

/** Shows what is inside to whoever may see it. */
async function enter() {
  const door = byId('door', HTMLElement);
  try {
    await ask('GET', '/api/v1/admin/dead-letters?limit=1');
    inside = true;
    setText(door, '');
  } catch (error) {
    inside = false;
    setText(door, reason(error));
    const details = byId('token-details', HTMLDetailsElement);
    details.open = session.mode === 'open' && error instanceof Refusal && error.status === 401;
  }
  setVisible(byId('inside', HTMLElement), inside);
  setVisible(byId('keys-section', HTMLElement), session.mode === 'jwt');
  setVisible(byId('keys-link', HTMLElement), session.mode === 'jwt');
  if (inside) load();
}

/** @param {unknown} error */
function reason(error) {
  if (!(error instanceof Refusal)) return String(error);
  if (error.status === 403) return 'This account is not an operator’s: sign in with another one.';
  if (error.status !== 401) return error.message;
  return session.mode === 'open' ? 'This server asks for the operator token.' : 'Sign in as an operator.';
}

function load() {
  void loadProducts(null);
  void loadSales();
  void loadHolds(null);
  void loadLetters();
  followOrders();
  if (session.mode === 'jwt') void loadKeys();
}

async function look() {
  if (!inside || document.hidden) return;
  try {
    /** @type {Queues} */
    const queues = await ask('GET', '/api/v1/queue');
    setText(byId('queue', HTMLElement), String(queues.depth));
    refreshHolds();
    await Promise.all([loadLetters(), refreshProducts()]);
  } catch {
    // The state of the connection says it; it is looked again.
  }
}

void start(() => {
  wireProducts();
  wireSales();
  wireHolds();
  wireKeys();
  onSession(() => void enter());
  let wasAway = false;
  onLive((state) => {
    if (state === 'live' && wasAway) void enter();
    wasAway = state !== 'live';
  });
  follow('metrics', (/** @type {Sample | null} */ sample) => {
    setText(byId('held', HTMLElement), sample ? String(sample.holds) : 'no numbers yet');
    if (!sample || sample.holds === held) return;
    held = sample.holds;
    if (inside) refreshHolds();
  });
  void enter().then(look);
  setInterval(() => void look(), LOOK_MS);
});
