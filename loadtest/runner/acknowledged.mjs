// What customers were told: one line for each answer with success, written by the generator the moment
// the answer arrived, and what the store must have for each of them.

/** @typedef {{kind: string, id: string, order: string, product: number, customer: string, units: number}}
 *   Acknowledged `order` is the id without the product in front of it, as the journal has it */
/** @typedef {import('./ledger.mjs').State} State */

/** The kinds that leave units with the customer. */
const SELLING = new Set(['purchase', 'order', 'confirmation']);
const GIVING_BACK = 'cancellation';
const RELEASING = 'release';
/** Stock that a seller added, by the number of the call. */
const ADJUSTING = 'adjustment';

/**
 * What a line of this kind may have become, in the end.
 * @type {Record<string, State[]>}
 */
const STATES = {
  purchase: ['sold'],
  order: ['sold'],
  confirmation: ['sold'],
  // Whoever was queued must have been decided.
  accepted: ['sold', 'refused'],
  hold: ['sold', 'held', 'gone'],
  [RELEASING]: ['gone'],
  [GIVING_BACK]: ['gone'],
};

/**
 * @param {string} text lines `acknowledged KIND ID PRODUCT CUSTOMER UNITS` among others
 * @returns {Acknowledged[]}
 */
export function parseAcknowledged(text) {
  const found = [];
  for (const line of text.split('\n')) {
    const [, kind, id, product, customer, units] = /^acknowledged (\S+) (\S+) (\d+) (\S+) (\d+)\s*$/.exec(line) ?? [];
    if (kind === undefined || id === undefined || customer === undefined) continue;
    found.push({
      kind,
      id,
      order: id.slice(id.indexOf('-') + 1),
      product: Number(product),
      customer,
      units: Number(units),
    });
  }
  return found;
}

/**
 * Units that customers were told are theirs, and units that they were told they have given back; of each product what
 * they kept of those, and `declined`: what they gave back, sold or held.
 * @param {Acknowledged[]} acknowledged
 */
export function told(acknowledged) {
  let [sold, returned] = [0, 0];
  /** @type {Map<number, number>} */
  const kept = new Map();
  /** @type {Map<number, number>} */
  const declined = new Map();
  for (const { kind, product, units } of acknowledged) {
    if (kind === GIVING_BACK || kind === RELEASING) declined.set(product, (declined.get(product) ?? 0) + units);
    const sign = SELLING.has(kind) ? 1 : kind === GIVING_BACK ? -1 : 0;
    if (sign === 0) continue;
    if (sign > 0) sold += units;
    else returned += units;
    kept.set(product, (kept.get(product) ?? 0) + sign * units);
  }
  return { sold, returned, kept, declined };
}

/**
 * Units that sellers were told are added, by product.
 * @param {Acknowledged[]} acknowledged
 */
export function added(acknowledged) {
  /** @type {Map<number, number>} */
  const units = new Map();
  for (const line of acknowledged) {
    if (line.kind === ADJUSTING) units.set(line.product, (units.get(line.product) ?? 0) + line.units);
  }
  return units;
}

/**
 * Those for which the store has something else than was answered, and those that were answered twice.
 * @param {Acknowledged[]} acknowledged
 * @param {(line: Acknowledged) => import('./ledger.mjs').Line|null} find what the store has
 */
export function lost(acknowledged, find) {
  const seen = new Set();
  const givenBack = new Set(acknowledged.filter(({ kind }) => kind === GIVING_BACK).map(orderLine));
  return acknowledged.filter((line) => {
    const key = `${line.kind}/${orderLine(line)}`;
    const twice = seen.has(key);
    seen.add(key);
    if (twice) return true;
    // They are no orders; the stock shows whether they are there.
    if (line.kind === ADJUSTING) return false;
    const stored = find(line);
    if (stored === null) return true;
    const allowed = STATES[line.kind] ?? [];
    const stands = allowed.includes(stored.state) || (stored.state === 'gone' && givenBack.has(orderLine(line)));
    return !stands || stored.customer !== line.customer || stored.units !== line.units;
  });
}

/** @param {Acknowledged} line */
function orderLine({ id, product }) {
  return `${id}/${product}`;
}
