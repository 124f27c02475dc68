// Operator: the page for whoever runs the shop. What may be done is decided by the server; this page only asks
// whether somebody may come in.

import { ask, Refusal } from '../shared/api.js';
import { byId, setText, setVisible } from '../shared/dom.js';
import { follow, onLive } from '../shared/live.js';
import { start } from '../shared/page.js';
import { onSession, session } from '../shared/session.js';
import { refreshHolds, reloadHolds, wireHolds } from './holds.js';
import { loadKeys, wireKeys } from './keys.js';
import { loadLetters } from './letters.js';
import { followOrders } from './orders.js';
import { refreshProducts, wireProducts } from './products.js';
import { loadSales, wireSales } from './sales.js';

/** @typedef {import('../shared/documents.js').Queues} Queues */
/** @typedef {import('../shared/documents.js').Sample} Sample */

/** How often it is looked at what nobody tells of, in milliseconds. */
const LOOK_MS = 5_000;

let inside = false;
/** Whether the server could not say if somebody may come in: it is asked again. */
let undecided = false;
let question = 0;
/** How many holds there were when the server said so last. */
let held = -1;

/** Shows what is inside to whoever may see it. */
async function enter() {
  const asked = (question += 1);
  /** @type {unknown} */
  const refused = await ask('GET', '/api/v1/admin/dead-letters?limit=1').then(() => null, (error) => error);
  // Somebody else has come meanwhile.
  if (asked !== question) return;
  const shut = isRefusal(refused, 401) || isRefusal(refused, 403);
  undecided = refused !== null && !shut;
  // A server that is away has shut nobody out: what is open stays open.
  if (!undecided) inside = !shut;
  setText(byId('door', HTMLElement), refused === null ? '' : reason(refused));
  // Never closed again: somebody may be typing.
  if (session.mode === 'open' && isRefusal(refused, 401)) byId('token-details', HTMLDetailsElement).open = true;
  setVisible(byId('inside', HTMLElement), inside);
  setVisible(byId('keys-section', HTMLElement), session.mode === 'jwt');
  setVisible(byId('keys-link', HTMLElement), session.mode === 'jwt');
  if (refused === null) load();
}

/**
 * @param {unknown} error
 * @param {number} status
 */
function isRefusal(error, status) {
  return error instanceof Refusal && error.status === status;
}

/** @param {unknown} error */
function reason(error) {
  if (!(error instanceof Refusal)) return String(error);
  if (error.status === 403) return 'This account is not an operator’s: sign in with another one.';
  if (error.status !== 401) return error.message;
  return session.mode === 'open' ? 'This server asks for the operator token.' : 'Sign in as an operator.';
}

function load() {
  void refreshProducts();
  void loadSales();
  void reloadHolds();
  void loadLetters();
  followOrders();
  if (session.mode === 'jwt') void loadKeys();
}

async function look() {
  if (document.hidden) return;
  if (undecided) await enter();
  if (!inside || undecided) return;
  try {
    /** @type {Queues} */
    const queues = await ask('GET', '/api/v1/queue');
    setText(byId('queue', HTMLElement), String(queues.depth));
    refreshHolds();
    await Promise.all([loadLetters(), loadSales(), refreshProducts()]);
  } catch (error) {
    // The token has ended. Anything else is said by the state of the connection, and it is looked again.
    if (isRefusal(error, 401)) await enter();
  }
}

void start(() => {
  wireProducts();
  wireSales();
  wireHolds();
  wireKeys();
  onSession(() => {
    // Somebody else: nothing of before is theirs.
    inside = false;
    void enter();
  });
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
