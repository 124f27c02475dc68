// Session: who uses this page. What it keeps: with auth.mode "open" a customer id that was drawn once
// (localStorage) and, for operators, their token (sessionStorage); with "jwt" the access token in memory and the
// refresh token in sessionStorage. None of them ever stands in a URL.

import { ask, credentials, drawKey, Refusal } from './api.js';

/** @typedef {import('./documents.js').SignedIn} SignedIn */
/** @typedef {import('./documents.js').Account} Account */

const CUSTOMER = 'lastunit.customer';
const CART = 'lastunit.cart';
const OPERATOR = 'lastunit.operator';
const REFRESH = 'lastunit.refresh';

/** A token that ends sooner than this is replaced before it is used for a connection, in milliseconds. */
const MARGIN_MS = 30_000;

export const session = {
  /** @type {'open' | 'jwt'} */
  mode: 'open',
  /** Whoever buys: with "jwt" nobody until they have signed in. @type {string | null} */
  customerId: null,
  /** @type {Account | null} */
  account: null,
};

/** @type {string | null} */
let accessToken = null;
let accessUntil = 0;
/** @type {Set<() => void>} */
const listeners = new Set();

// Windows that were opened from each other share a refresh token, which works once: whoever has used it
// tells the others the next one.
const others = new BroadcastChannel('lastunit.refresh');
others.addEventListener('message', (event) => {
  const { used, next } = /** @type {{ used: string, next: string }} */ (event.data);
  if (sessionStorage.getItem(REFRESH) === used) sessionStorage.setItem(REFRESH, next);
});

/**
 * Called whenever somebody else uses the page.
 * @param {() => void} listener
 */
export function onSession(listener) {
  listeners.add(listener);
}

function changed() {
  for (const listener of listeners) listener();
}

/** Finds out how the server knows people, and who is here. */
export async function startSession() {
  credentials.token = () => accessToken;
  credentials.renew = renew;
  credentials.cart = cartSession;
  /** @type {{ checks: { accounts?: unknown } }} */
  const health = await ask('GET', '/health');
  session.mode = health.checks.accounts ? 'jwt' : 'open';
  if (session.mode === 'open') {
    session.customerId = localStorage.getItem(CUSTOMER) ?? drawCustomer();
    accessToken = sessionStorage.getItem(OPERATOR);
  } else if (sessionStorage.getItem(REFRESH)) {
    await renew(accessToken);
  }
  changed();
}

function drawCustomer() {
  const id = `guest-${drawKey().slice(0, 8)}`;
  localStorage.setItem(CUSTOMER, id);
  return id;
}

/** The cart of this browser; with "jwt" it moves into the customer's when they sign in. */
function cartSession() {
  const known = localStorage.getItem(CART) ?? drawKey();
  localStorage.setItem(CART, known);
  return known;
}

/**
 * Another customer, where nobody has to say who they are.
 * @param {string} id
 */
export function setCustomer(id) {
  localStorage.setItem(CUSTOMER, id);
  localStorage.removeItem(CART);
  session.customerId = id;
  changed();
}

/**
 * The token of an operator, or one that was issued elsewhere; empty: none any more. It is tried before it replaces
 * anything: one that is refused leaves whoever is here.
 * @param {string} token
 */
export async function setToken(token) {
  if (session.mode === 'open') await setOperator(token);
  else if (token) await setAccount(token);
  else forget();
  accessToken = token || null;
  accessUntil = Number.POSITIVE_INFINITY;
  changed();
}

/** @param {string} token */
async function setOperator(token) {
  if (!token) return sessionStorage.removeItem(OPERATOR);
  await ask('GET', '/api/v1/admin/dead-letters?limit=1', { token });
  sessionStorage.setItem(OPERATOR, token);
}

/** @param {string} token */
async function setAccount(token) {
  /** @type {Account} */
  const account = await ask('GET', '/api/v1/auth/me', { token });
  sessionStorage.removeItem(REFRESH);
  session.account = account;
  session.customerId = account.customerId;
}

/**
 * @param {'login' | 'register'} way
 * @param {string} email
 * @param {string} password
 */
export async function signIn(way, email, password) {
  const body = { email, password };
  /** @type {SignedIn} */
  const signed = await ask('POST', `/api/v1/auth/${way}`, { body, anonymous: true });
  take(signed);
  changed();
}

export async function signOut() {
  const refreshToken = sessionStorage.getItem(REFRESH);
  leave();
  if (refreshToken) {
    await ask('POST', '/api/v1/auth/logout', { body: { refreshToken }, anonymous: true });
  }
}

/** @param {SignedIn} signed */
function take(signed) {
  accessToken = signed.accessToken;
  accessUntil = performance.now() + signed.expiresIn * 1000;
  session.account = signed.account;
  session.customerId = signed.account.customerId;
  sessionStorage.setItem(REFRESH, signed.refreshToken);
}

function forget() {
  sessionStorage.removeItem(REFRESH);
  [accessToken, session.account, session.customerId] = [null, null, null];
}

/** The token for a connection that is about to be made. */
export async function freshToken() {
  const refreshes = session.mode === 'jwt' && sessionStorage.getItem(REFRESH);
  if (refreshes && performance.now() > accessUntil - MARGIN_MS) await renew(accessToken);
  return accessToken;
}

/**
 * One at a time, over all windows: two with one refresh token look like a theft.
 * @param {string | null} refused the token that is not taken any more
 */
async function renew(refused) {
  const one = async () => {
    // Somebody has waited for the same.
    if (accessToken !== refused) return accessToken !== null;
    return refresh();
  };
  // Without TLS a browser has no locks; then only this window is one at a time.
  if (navigator.locks) return navigator.locks.request(REFRESH, one);
  running = running.then(one, one);
  return running;
}

/** @type {Promise<boolean>} */
let running = Promise.resolve(false);

async function refresh() {
  const used = sessionStorage.getItem(REFRESH);
  if (session.mode === 'open') return false;
  if (!used) {
    // A token that was issued elsewhere has ended, and nothing makes a new one of it.
    if (accessToken) leave();
    return false;
  }
  const before = session.customerId;
  try {
    /** @type {SignedIn} */
    const signed = await ask('POST', '/api/v1/auth/refresh', {
      body: { refreshToken: used },
      anonymous: true,
    });
    take(signed);
    others.postMessage({ used, next: signed.refreshToken });
    // The server was away when the page began: now it is known who is here.
    if (session.customerId !== before) changed();
    return true;
  } catch (error) {
    // Only a refusal ends the sign-in; a server that is away does not.
    if (error instanceof Refusal && error.status === 401) leave();
    return false;
  }
}

function leave() {
  forget();
  changed();
}

/** What a request of a customer says about who they are: with a token nothing has to be said. */
export function asCustomer() {
  if (!session.customerId) throw new Error('Sign in first.');
  return session.mode === 'open' ? { customerId: session.customerId } : {};
}
