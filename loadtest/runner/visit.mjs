// What a server that somebody else runs says afterwards: the API in place of journal and audit.

import { pause } from './child.mjs';

import { say } from './progress.mjs';

const AT_A_TIME = 16;
/** Orders and reservations are read from tables that may be behind for a while: so long all questions may take. */
const PATIENCE_SECONDS = 300;
/** So many times in a row without any answer, and there is nobody left to ask. */
const SILENCES_MAX = 100;
const TOLD_EVERY = 1000;

/** What the API calls a state, in the words of the ledger. @type {Record<string, import('./ledger.mjs').State>} */
const STATES = {
  confirmed: 'sold',
  sold: 'sold',
  held: 'held',
  pending_payment: 'held',
  queued: 'queued',
  refused: 'refused',
  failed: 'refused',
  released: 'gone',
  expired: 'gone',
  cancelled: 'gone',
  refunded: 'gone',
};

/**
 * @param {string} url
 * @param {string|null} token
 */
function asker(url, token) {
  const end = Date.now() + PATIENCE_SECONDS * 1000;
  let silences = 0;
  /** @param {string} path @returns {Promise<Record<string, any>|null>} */
  return async (path) => {
    for (let tries = 1; ; tries += 1) {
      const answer = await fetch(url + path, {
        headers: token === null ? {} : { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(15_000),
      }).catch(() => null);
      silences = answer === null ? silences + 1 : 0;
      if (answer?.ok) return /** @type {Record<string, any>} */ (await answer.json());
      const isDefinite = answer !== null && answer.status !== 503 && answer.status !== 429;
      if (isDefinite || silences > SILENCES_MAX || Date.now() > end) return null;
      await pause(Math.min(5, 0.2 * tries));
    }
  };
}

/**
 * Stock of the products of the run.
 * @param {string} url
 * @param {string|null} token
 * @param {number[]} products
 */
export async function accountsOf(url, token, products) {
  const ask = asker(url, token);
  /** @type {Map<number, import('./verdict.mjs').Account>} */
  const accounts = new Map();
  for (const product of products) {
    const stock = await ask(`/api/v1/products/${product}/stock`);
    if (stock !== null) accounts.set(product, { stocked: stock.stocked, sold: stock.sold, held: stock.held });
  }
  return accounts;
}

/**
 * Looks every acknowledged line up; the answer finds them afterwards.
 * @param {string} url
 * @param {string|null} token
 * @param {import('./acknowledged.mjs').Acknowledged[]} acknowledged
 * @returns {Promise<(line: import('./acknowledged.mjs').Acknowledged) => import('./ledger.mjs').Line|null>}
 */
export async function lookUp(url, token, acknowledged) {
  const ask = asker(url, token);
  /** @type {Map<string, Record<string, any>|null>} */
  // What a seller added is in the stock, and in no order.
  const documents = new Map(acknowledged.filter(({ kind }) => kind !== 'adjustment').map((line) => [pathOf(line), null]));
  const paths = [...documents.keys()];
  const worker = async () => {
    for (let path = paths.pop(); path !== undefined; path = paths.pop()) {
      if (paths.length > 0 && paths.length % TOLD_EVERY === 0) say(`${paths.length} orders left to look up …`);
      documents.set(path, await ask(path));
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  return (line) => understand(documents.get(pathOf(line)) ?? null, line.product);
}

/** @param {import('./acknowledged.mjs').Acknowledged} line */
function pathOf({ kind, id }) {
  if (kind === 'hold' || kind === 'release') return `/api/v1/reservations/${id}`;
  return kind === 'accepted' ? `/api/v1/purchases/${id}` : `/api/v1/orders/${id}`;
}

/**
 * @param {Record<string, any>|null} document
 * @param {number} product
 * @returns {import('./ledger.mjs').Line|null}
 */
export function understand(document, product) {
  if (document === null) return null;
  const lines = /** @type {Record<string, any>[]} */ (document.lines ?? [document]);
  const line = lines.find(({ productId }) => productId === product);
  const state = STATES[line?.status ?? document.status];
  if (line === undefined || state === undefined) return null;
  return { customer: String(document.customerId), units: line.quantity, state };
}

/**
 * Units above a limit, from what customers were told: nobody else knows who has what.
 * @param {import('./acknowledged.mjs').Acknowledged[]} acknowledged
 * @param {Map<number, number>} limits
 */
export function aboveLimit(acknowledged, limits) {
  /** @type {Map<string, {product: number, customer: string, units: number, limit: number}>} */
  const taken = new Map();
  for (const { kind, product, customer, units } of acknowledged) {
    const sign = { purchase: 1, order: 1, confirmation: 1, cancellation: -1 }[kind] ?? 0;
    const limit = limits.get(product) ?? 0;
    const key = `${product}/${customer}`;
    const sum = (taken.get(key)?.units ?? 0) + sign * units;
    if (limit > 0) taken.set(key, { product, customer, units: sum, limit });
  }
  return [...taken.values()].filter(({ units, limit }) => units > limit);
}
