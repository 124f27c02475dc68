// API: requests to the server. Every refusal becomes one sentence; whatever is safe to repeat is repeated with
// the same Idempotency-Key, so that a click never buys twice.

import * as clock from './clock.js';

/** @typedef {import('./documents.js').Problem} Problem */

/** How often a request is sent before its failure is shown. */
const TRIES_MAX = 6;
/** The longest pause between two tries, in milliseconds. */
const PAUSE_MS_MAX = 5_000;

/** What the server, or the way to it, said no with. Its message is for people. */
export class Refusal extends Error {
  /**
   * @param {number} status 0: there was no answer
   * @param {Problem} problem
   */
  constructor(status, problem) {
    super(sentence(problem));
    this.status = status;
    this.code = problem.code;
    this.problem = problem;
  }
}

/** @param {Problem} problem */
function sentence(problem) {
  const { code, detail, errors, opensAt } = problem;
  if (code === 'sale-not-open' && opensAt) return `The sale opens ${clock.local(opensAt)}.`;
  const fields = errors?.map(({ field, message }) => `${field} ${message}`).join('; ');
  const text = fields || detail || problem.title;
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

/**
 * Who asks: a token for the header, and another one when the server does not take it any more. The session
 * fills this in; tokens are never part of a URL.
 */
export const credentials = {
  /** @type {() => string | null} */
  token: () => null,
  /** @type {(refused: string | null) => Promise<boolean>} whether there is a new token */
  renew: async () => false,
  /** @type {() => string | null} the session of the cart */
  cart: () => null,
};

/**
 * @typedef {object} Options
 * @property {unknown} [body]
 * @property {string} [key] the Idempotency-Key
 * @property {string} [prefer]
 * @property {number} [match] the version it was seen with
 * @property {boolean} [anonymous] no token: for signing in
 * @property {string} [token] one that is only tried, instead of the session's
 */

/**
 * Asks, and gives what was answered with success.
 * @template T
 * @param {string} method
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<T>}
 */
export async function ask(method, path, options = {}) {
  const repeatable = method === 'GET' || options.key !== undefined;
  let renewed = false;
  for (let tries = 1; ; tries += 1) {
    const token = credentials.token();
    const { response, refusal } = await once(method, path, options);
    if (!refusal) return /** @type {T} */ (response);
    const expired = ['token-expired', 'invalid-token'].includes(refusal.error.code);
    if (expired && !renewed && !options.anonymous && !options.token) {
      renewed = true;
      if (await credentials.renew(token)) continue;
    }
    const again = refusal.error.status === 503 || refusal.error.status === 0;
    if (!again || !repeatable || tries >= TRIES_MAX) throw refusal.error;
    await pause(refusal.afterMs ?? 250 * 2 ** tries);
  }
}

/** A new key for one click. */
export function drawKey() {
  // Not randomUUID, which pages without TLS do not have.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** What says no to this try, but nothing about one before it with the same key. */
const UNDECIDED = [0, 401, 408, 429];

/**
 * The requests of one button. While it is not known what became of one, the same request goes out with the same
 * key: clicking again does not buy again.
 */
export class Clicks {
  /** The key of each request whose outcome is not known. @type {Map<string, string>} */
  #open = new Map();

  /**
   * @template T
   * @param {string} method
   * @param {string} path
   * @param {Options} [options]
   * @param {unknown} [about] what else makes it another request
   * @returns {Promise<T>}
   */
  async ask(method, path, options = {}, about = null) {
    const request = JSON.stringify([method, path, options, about]);
    const key = this.#open.get(request) ?? drawKey();
    this.#open.set(request, key);
    try {
      /** @type {T} */
      const answer = await ask(method, path, { ...options, key });
      this.#open.delete(request);
      return answer;
    } catch (error) {
      if (isDecided(error)) this.#open.delete(request);
      throw error;
    }
  }
}

/** @param {unknown} error */
function isDecided(error) {
  if (!(error instanceof Refusal)) return false;
  const { status, code } = error;
  return status < 500 && !UNDECIDED.includes(status) && code !== 'idempotency-key-in-progress';
}

/** @param {number} ms */
function pause(ms) {
  const capped = Math.min(ms, PAUSE_MS_MAX);
  return new Promise((resolve) => setTimeout(resolve, capped * (0.5 + Math.random() / 2)));
}

/**
 * @typedef {{ response: unknown, refusal?: undefined }
 *   | { response?: undefined, refusal: { error: Refusal, afterMs?: number } }} Outcome
 */

/**
 * One try.
 * @param {string} method
 * @param {string} path
 * @param {Options} options
 * @returns {Promise<Outcome>}
 */
async function once(method, path, options) {
  const headers = new Headers();
  const token = options.anonymous ? null : (options.token ?? credentials.token());
  const cart = credentials.cart();
  if (token) headers.set('Authorization', `Bearer ${token}`);
  if (cart && path.startsWith('/api/v1/cart')) headers.set('X-Session-Id', cart);
  if (options.key) headers.set('Idempotency-Key', options.key);
  if (options.prefer) headers.set('Prefer', options.prefer);
  if (options.match !== undefined) headers.set('If-Match', `"${options.match}"`);
  if (options.body !== undefined) headers.set('Content-Type', 'application/json');
  const body = options.body === undefined ? undefined : JSON.stringify(options.body);
  /** @type {Response} */
  let response;
  let text = '';
  try {
    response = await fetch(path, { method, headers, body, cache: 'no-store', credentials: 'omit' });
    text = await response.text();
  } catch {
    return { refusal: { error: new Refusal(0, unreachable()) } };
  }
  const date = response.headers.get('Date');
  // To the second only: live updates know it better.
  if (date && !clock.isKnown()) clock.heard(date, 500);
  const document = parsed(text);
  if (response.ok) return { response: document ?? {} };
  const problem = /** @type {Problem | null} */ (document) ?? unreadable(response.status);
  const seconds = Number(response.headers.get('Retry-After') ?? Number.NaN);
  const afterMs = Number.isNaN(seconds) ? undefined : seconds * 1000;
  return { refusal: { error: new Refusal(response.status, problem), afterMs } };
}

/** @param {string} text */
function parsed(text) {
  try {
    return /** @type {unknown} */ (JSON.parse(text));
  } catch {
    return null;
  }
}

/** @returns {Problem} */
function unreachable() {
  const detail = 'The server cannot be reached: look at your connection and try again.';
  return { code: 'unreachable', title: detail, detail, retryable: true };
}

/**
 * Something between here and the server has answered.
 * @param {number} status
 * @returns {Problem}
 */
function unreadable(status) {
  const detail = `The server answered ${status}: try again.`;
  return { code: 'unreadable', title: detail, detail, retryable: false };
}
