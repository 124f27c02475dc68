// Orders of several products: through a cart, or at once.

import { check, sleep } from "k6";
import { ask } from "./request.js";
import { errors } from "./metrics.js";
import { FAILED, REFUSED, SOLD, acknowledge, arrive, arriveForAll, notSold, succeed, wrong } from "./shop.js";
import { patienceSeconds } from "./scenario.js";

const payment = { method: "simulated", token: "tok_ok" };

/** Puts one product into a cart: that of the session, and of the customer where they have a token. */
export function putIntoCart(session, customer, product, units) {
  const answer = ask("PUT", `/api/v1/cart/items/${product}`, { name: "cart", session, customer, body: { quantity: units }, read: true });
  const put = check(answer, { "a product can be put into a cart": () => answer.status === 200 || answer.status === 201 });
  if (!put) errors.add(1, { kind: `cart-${answer.code || answer.status}` });
  return put;
}

/**
 * Puts the products into a cart, in this order, and checks out.
 * @param {{customer: string, lines: {product: number, units: number}[], known: string[]}} wish
 */
export function buyByCart({ customer, lines, known }) {
  came(lines);
  const session = `cart-${customer}`;
  for (const { product, units } of lines) if (!putIntoCart(session, customer, product, units)) return { outcome: FAILED };
  const answer = ask("POST", "/api/v1/cart/checkout", {
    name: "checkout", key: customer, customer, session, body: { customerId: customer, payment },
  });
  return ordered(answer, { customer, lines, known });
}

/**
 * Orders the products at once, without a cart.
 * @param {{customer: string, lines: {product: number, units: number}[], known: string[]}} wish
 */
export function order({ customer, lines, known }) {
  came(lines);
  const answer = ask("POST", "/api/v1/orders", {
    name: "order", key: customer, customer,
    body: { customerId: customer, items: lines.map(({ product, units }) => ({ productId: product, quantity: units })), payment },
  });
  return ordered(answer, { customer, lines, known });
}

function came(lines) {
  if (lines.length === 1) arrive(lines[0].product, lines[0].units);
  else arriveForAll(lines);
}

const unitsOf = (lines) => lines.reduce((sum, line) => sum + line.units, 0);

function ordered(answer, { customer, lines, known }) {
  const only = lines.length === 1 ? lines[0].product : null;
  if (answer.status !== 201 && answer.status !== 200) return { outcome: notSold(answer, known, only) };
  const { orderId } = answer.document ?? {};
  const asAsked = lines.every(({ product, units }) =>
    (answer.document?.lines ?? []).some((line) => line.productId === product && line.quantity === units));
  const right = check(answer, {
    "an order of exactly what was asked for": () => Boolean(orderId) && asAsked && answer.document.lines.length === lines.length,
  });
  if (!right) return { outcome: wrong("wrong-order", answer.document) };
  const { status, waited } = untilPaid(customer, orderId, answer);
  if (status === "confirmed") {
    succeed(waited, unitsOf(lines));
    for (const { product, units } of lines) acknowledge("order", orderId, product, customer, units);
    return { outcome: SOLD, orderId };
  }
  if (status === "cancelled" || status === "expired") {
    notSold({ ...answer, status: 402, code: "payment-declined", waited }, known, only);
    return { outcome: REFUSED };
  }
  return { outcome: wrong(`order-${status}`, { orderId, status }) };
}

/** An order whose payment was cut off stays `pending_payment` until the server has asked its provider again. */
function untilPaid(customer, orderId, answer) {
  const began = Date.now();
  let status = answer.document.status;
  while (status === "pending_payment" && Date.now() - began < patienceSeconds * 1000) {
    sleep(0.5);
    const seen = ask("GET", `/api/v1/orders/${orderId}`, { name: "order-look", customer });
    if (seen.status === 200) status = seen.document.status;
  }
  return { status, waited: answer.waited + (Date.now() - began) };
}
