// Page: what all pages begin with: whether it is live, and who uses it.

import { byId, field, onSend, say, setText, setVisible } from './dom.js';
import { onLive, startLive } from './live.js';
import { onSession, session, setCustomer, setToken, signIn, signOut, startSession } from './session.js';

const STATES = {
  connecting: 'Connecting …',
  live: 'Live',
  reconnecting: 'Connecting again …',
  offline: 'Offline',
};

/** How long to wait before the server is asked again who is here. */
const AGAIN_MS = 2_000;

/**
 * Starts a page: `begin` is called once, when it is known who is here.
 * @param {() => void} begin
 */
export async function start(begin) {
  const badge = byId('live', HTMLElement);
  onLive((state) => {
    badge.dataset.state = state;
    setText(badge, STATES[state]);
  });
  wireAccount();
  for (;;) {
    try {
      await startSession();
      break;
    } catch {
      badge.dataset.state = 'reconnecting';
      setText(badge, STATES.reconnecting);
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
  startLive();
  begin();
}

/**
 * Looks again every so often while somebody sees the page, and whenever they come back to it.
 * @param {number} everyMs
 * @param {() => void} look
 */
export function whileSeen(everyMs, look) {
  const seen = () => {
    if (!document.hidden) look();
  };
  setInterval(seen, everyMs);
  document.addEventListener('visibilitychange', seen);
}

/** The part of a page that says who uses it, and lets them change that. */
function wireAccount() {
  const who = byId('who', HTMLElement);
  const region = byId('account-outcome', HTMLElement);
  const customer = byId('customer-form', HTMLFormElement);
  const account = byId('sign-in-form', HTMLFormElement);
  const token = byId('token-form', HTMLFormElement);
  const leave = byId('sign-out', HTMLButtonElement);
  onSession(() => {
    const open = session.mode === 'open';
    setVisible(customer, open && !document.body.dataset.operator);
    setVisible(account, !open && !session.account);
    setVisible(token, Boolean(document.body.dataset.operator) || (!open && !session.account));
    setVisible(leave, !open && session.account !== null);
    const { account: known, customerId } = session;
    const role = known?.role && known.role !== 'customer' ? ` (${known.role})` : '';
    const guest = open && document.body.dataset.operator ? 'whoever reaches this server' : customerId;
    const name = known ? `${known.email ?? known.customerId}${role}` : (guest ?? 'nobody yet');
    setText(who, name);
    const id = customer.elements.namedItem('customer');
    if (id instanceof HTMLInputElement) id.value = customerId ?? '';
  });
  onSend(customer, region, async (data) => {
    const id = field(data, 'customer');
    if (id.length === 0 || id.length > 64) throw new Error('A customer id has 1 to 64 characters.');
    setCustomer(id);
    return `You are ${id} now.`;
  });
  onSend(account, region, async (data) => {
    const way = field(data, 'way') === 'register' ? 'register' : 'login';
    const password = data.get('password');
    await signIn(way, field(data, 'email'), typeof password === 'string' ? password : '');
    account.reset();
    return way === 'register' ? 'Welcome: you are registered and signed in.' : 'You are signed in.';
  });
  onSend(token, region, async (data) => {
    await setToken(field(data, 'token'));
    token.reset();
    return field(data, 'token') ? 'The token is used from now on.' : 'No token is used any more.';
  });
  leave.addEventListener('click', () => {
    signOut().then(
      () => say(region, 'good', 'You are signed out.'),
      (error) => say(region, 'bad', error instanceof Error ? error.message : String(error)),
    );
  });
}
