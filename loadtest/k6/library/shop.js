// What customers do in the shop: each function is one wish, followed to its definite answer and counted.
//
// Every acknowledgement is written as one line, `acknowledged KIND ID PRODUCT CUSTOMER UNITS`, for whoever checks
// afterwards that none was lost. What was sold are the kinds `purchase`, `order` (one line for each product) and
// `confirmation`; `accepted` is a queued purchase, which becomes `purchase` when it is decided; `hold` and `release`
// move no unit for good; `cancellation` gives units of an order back.

import { check } from "k6";
import { ask } from "./request.js";
import {
  accepts, acceptLatency, arrivals, errors, holdLatency, holds, readLatency, readsUnavailable, refusalLatency, refusals,
  returns, successLatency, successes,
} from "./metrics.js";

export const SOLD = "sold";
export const REFUSED = "refused";
export const FAILED = "failed";

const AT_THE_LIMIT = "customer-limit-reached";

/** Writes the line about one acknowledgement. */
export function acknowledge(kind, id, product, customer, units) {
  console.log(`acknowledged ${kind} ${id} ${product} ${customer} ${units}`);
}

/** A customer comes for units of one product; 0 where nothing may be sold to them any more. */
export function arrive(product, units = 1) {
  arrivals.add(1, { product: String(product), ...unitsTag(units) });
}

/** A customer comes for several products at once. @param {{product: number, units: number}[]} lines */
export function arriveForAll(lines) {
  arrivals.add(1, { lines: lines.map(({ product, units }) => `${product}:${units}`).join("+") });
}

/** Counts a success over all its units. */
export function succeed(waited, units) {
  successes.add(1, unitsTag(units));
  successLatency.add(waited);
}

function unitsTag(units) {
  return units === 1 ? {} : { units: String(units) };
}

/**
 * Counts an answer that was no success: a refusal if the scenario knows it, otherwise an error.
 * @param {import("./request.js").Answer} answer
 * @param {string[]} known codes that a customer may be refused with
 * @param {number|null} product
 */
export function notSold(answer, known, product) {
  const refused = known.includes(answer.code);
  check(answer, { "refused by a rule of the sale, or sold": () => refused });
  if (refused) {
    refusals.add(1, { code: answer.code, ...(product === null ? {} : { product: String(product) }) });
    refusalLatency.add(answer.waited);
    return REFUSED;
  }
  const hint = answer.status === 401 ? " Customers of this server need tokens: set TOKEN_SECRET_FILE." : "";
  console.error(`unexpected answer: ${answer.status} ${answer.code} ${JSON.stringify(answer.document)}${hint}`);
  errors.add(1, { kind: answer.code || `status-${answer.status}` });
  return FAILED;
}

/** Counts an acknowledgement that says something wrong. Nothing of the kind must ever happen. */
export function wrong(kind, what) {
  console.error(`wrong answer: ${kind}: ${JSON.stringify(what)}`);
  errors.add(1, { kind });
  return FAILED;
}

/**
 * Buys at once. Whoever is at the limit already (`owned`) must be refused, and nobody else for that reason.
 * @param {{customer: string, product: number, units?: number, key?: string, token?: string, saleId?: number,
 *   known: string[], owned?: boolean}} wish
 * @returns {{outcome: string, orderId?: string}}
 */
export function buy({ customer, product, units = 1, key = customer, token, saleId, known: allowed, owned = false }) {
  const known = allowed.filter((code) => owned || code !== AT_THE_LIMIT);
  arrive(product, owned ? 0 : units);
  const answer = ask("POST", "/api/v1/purchases", {
    name: "purchase", key, token, customer,
    body: { productId: product, quantity: units, customerId: customer, ...(saleId ? { saleId } : {}) },
  });
  if (answer.status !== 201) return { outcome: notSold(answer, known, product) };
  const { orderId, productId, quantity, customerId } = answer.document ?? {};
  const right = check(answer, {
    "a purchase of what was asked for": () => Boolean(orderId) && productId === product && quantity === units && customerId === customer,
  });
  if (!right) return { outcome: wrong("wrong-purchase", answer.document) };
  succeed(answer.waited, units);
  acknowledge("purchase", orderId, product, customer, units);
  return { outcome: SOLD, orderId };
}

/**
 * Holds units, and then confirms or releases them.
 * @param {{customer: string, product: number, units?: number, confirm: boolean, known: string[]}} wish
 */
export function hold({ customer, product, units = 1, confirm, known }) {
  arrive(product, units);
  const held = ask("POST", "/api/v1/reservations", {
    name: "reservation", key: `${customer}-hold`, customer,
    body: { productId: product, quantity: units, customerId: customer, holdSeconds: 600 },
  });
  if (held.status !== 201) return { outcome: notSold(held, known, product) };
  const id = held.document?.reservationId;
  const right = check(held, { "a hold of what was asked for": () => Boolean(id) && held.document.quantity === units });
  if (!right) return { outcome: wrong("wrong-hold", held.document) };
  holds.add(1);
  holdLatency.add(held.waited);
  acknowledge("hold", id, product, customer, units);
  return confirm ? confirmHold(id, customer, product, units, held.waited) : releaseHold(id, customer, product, units);
}

function confirmHold(id, customer, product, units, waitedBefore) {
  const answer = ask("POST", `/api/v1/reservations/${id}/confirm`, { name: "confirm", key: `${customer}-confirm`, customer });
  const confirmed = check(answer, { "a hold that stands can be confirmed": () => answer.status === 201 || answer.status === 200 });
  if (!confirmed) return { outcome: wrong(`confirm-${answer.code}`, answer.document) };
  succeed(waitedBefore + answer.waited, units);
  acknowledge("confirmation", id, product, customer, units);
  return { outcome: SOLD };
}

function releaseHold(id, customer, product, units) {
  const answer = ask("DELETE", `/api/v1/reservations/${id}`, { name: "release", key: `${customer}-release`, customer });
  const released = check(answer, { "a hold that stands can be released": () => answer.status === 200 || answer.status === 204 });
  if (!released) return { outcome: wrong(`release-${answer.code}`, answer.document) };
  refusals.add(1, { code: "released", product: String(product) });
  acknowledge("release", id, product, customer, units);
  return { outcome: REFUSED };
}

/**
 * Queues a purchase; what becomes of it is asked for with decided.js.
 * @returns {{outcome: string, purchaseId?: string}}
 */
export function queue({ customer, product, units = 1, known }) {
  arrive(product, units);
  const answer = ask("POST", "/api/v1/purchases", {
    name: "queue", key: customer, customer, headers: { Prefer: "respond-async" },
    body: { productId: product, quantity: units, customerId: customer },
  });
  if (answer.status !== 202) {
    if (answer.status === 201) return { outcome: wrong("answered-201-instead-of-202", answer.document) };
    return { outcome: notSold(answer, known, product) };
  }
  const id = answer.document?.purchaseId;
  if (!check(answer, { "a queued purchase has an id": () => Boolean(id) })) return { outcome: wrong("wrong-queued", answer.document) };
  accepts.add(1);
  acceptLatency.add(answer.waited);
  acknowledge("accepted", id, product, customer, units);
  return { outcome: SOLD, purchaseId: id };
}

/**
 * Looks at something. What comes from the tables for queries (`tables`), which may be behind or away, is asked
 * for again for a second and then left: whoever looks comes back later.
 * @returns {any} the document, true when `discard` is set; null when there was none
 */
export function look(name, path, { token, session, discard = false, tables = false } = {}) {
  const answer = ask("GET", path, { name, token, session, read: discard, patience: tables ? 1 : undefined, mayBeBehind: tables });
  if (answer.status === 200) {
    readLatency.add(answer.waited);
    return discard ? true : answer.document;
  }
  const away = tables && ["projection-behind", "database-unavailable", "no-answer"].includes(answer.code);
  if (away) {
    readsUnavailable.add(1);
    return null;
  }
  check(answer, { "what is looked at is there": () => false });
  console.error(`unexpected answer: GET ${path} ${answer.status} ${answer.code} ${JSON.stringify(answer.document)}`);
  errors.add(1, { kind: `${name}-${answer.code || answer.status}` });
  return null;
}

/** Takes a whole order back, as its customer. Cancelling takes no key: a repetition finds what the first request did. */
export function cancel({ customer, orderId, lines }) {
  const answer = ask("POST", `/api/v1/orders/${orderId}/cancel`, { name: "cancel", customer, body: {} });
  const before = answer.tries > 1 && ["order-returned", "order-over"].includes(answer.code);
  const known = answer.status === 200 || before;
  if (!check(answer, { "an order that was bought can be cancelled": () => known })) return wrong(`cancel-${answer.code}`, answer.document);
  for (const { product, units } of lines) {
    returns.add(units);
    acknowledge("cancellation", orderId, product, customer, units);
  }
  return SOLD;
}
