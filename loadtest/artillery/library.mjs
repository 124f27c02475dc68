// The processor of all artillery scripts: customers who follow a wish to a definite answer, as the k6 scripts do it.
//
// artillery brings the customers; the requests are made here, because its own end a customer at the first lost
// connection, and a customer who has paid asks again. artillery reports the metrics under their names in the result.
// What programs need beside that is written to ACKNOWLEDGED_FILE, POINTS_FILE and SUMMARY_FILE (see files.mjs).

import { randomUUID } from "node:crypto";
import { ask } from "./request.mjs";
import { acknowledge, cameSoFar, customersSoFar, point, writeSummary } from "./files.mjs";
import { loadOf, scenarioOf } from "../scenarios.mjs";

const baseUrl = (process.env.BASE_URL || "http://127.0.0.1:8080").replace(/\/$/, "");
const fault = process.env.FAULT || "none";
/** Workers are threads of their own, and each counts its customers. */
const worker = randomUUID().slice(0, 8);
let customers = 0;

/** @typedef {{vars: Record<string, any>}} Context */
/** @typedef {{emit: (kind: string, name: string, value: number) => void}} Events */
/** @typedef {{run: string, products: number[]}} Shop */

// ---- before and after ----

/** @param {Context} context */
export async function prepareOne(context) {
  await prepare(context, (load) => [{ name: "What everybody wants", units: load.stock, limitPerCustomer: 1 }]);
}

/** @param {Context} context */
export async function prepareFive(context) {
  await prepare(context, (load) => Array.from({ length: 5 }, (_, index) =>
    ({ name: index === 0 ? "The hot one" : `Another one ${index}`, units: load.stock, limitPerCustomer: 1 })));
}

/**
 * @param {Context} context
 * @param {(load: ReturnType<typeof loadOf>) => {name: string, units: number, limitPerCustomer: number}[]} wanted
 */
async function prepare(context, wanted) {
  const load = loadOf(scenarioOf(context.vars.scenario), process.env);
  const run = process.env.RUN_ID || Date.now().toString(36);
  const products = [];
  for (const { name, units, limitPerCustomer } of wanted(load)) {
    const productId = await create({ name: `${name} (${run})`, stock: units, limitPerCustomer, category: `load ${run}` });
    products.push({ productId, units, limitPerCustomer, demand: null });
  }
  context.vars.run = run;
  // artillery hands variables on to its workers as texts and numbers.
  context.vars.products = products.map(({ productId }) => productId).join(" ");
  context.vars.prepared = JSON.stringify(products);
}

/** @param {Record<string, unknown>} product */
async function create(product) {
  const token = process.env.OPERATOR_TOKEN;
  let response;
  try {
    response = await fetch(`${baseUrl}/api/v1/products`, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) },
      body: JSON.stringify({ ...product, price: { amount: 1000, currency: "USD" } }),
    });
  } catch (error) {
    throw stop(`${baseUrl} does not answer (${/** @type {Error} */ (error).message}). Start lastunit there, or set BASE_URL.`);
  }
  if (response.status !== 201) throw stop(`creating a product was answered ${response.status} ${await response.text()}.`);
  return /** @type {{productId: number}} */ (await response.json()).productId;
}

/** artillery goes on when its preparation fails, and would make load on nothing. @param {string} why */
function stop(why) {
  console.error(`The sale cannot be prepared: ${why}`);
  return process.exit(2);
}

/**
 * Compares what was acknowledged with the stock, after the last customer has left.
 * @param {Context} context
 */
export async function verify(context) {
  const scenario = scenarioOf(context.vars.scenario);
  /** @type {{productId: number, units: number}[]} */
  const products = JSON.parse(context.vars.prepared);
  const came = cameSoFar();
  const wrong = [];
  for (const { productId, units } of products) {
    const answer = await ask(baseUrl, "GET", `/api/v1/products/${productId}/stock`, {}, () => undefined);
    const { wanted = 0, acknowledged = 0 } = came.get(productId) ?? {};
    const sold = answer.document?.sold;
    if (sold !== acknowledged || sold !== Math.min(units, wanted)) {
      wrong.push(`product ${productId}: sold ${sold}, acknowledged ${acknowledged}, wanted ${wanted}, of ${units}`);
    }
  }
  const load = loadOf(scenario, process.env);
  const neverCame = Math.max(0, (load.users ?? 0) - customersSoFar());
  writeSummary({ scenario: scenario.name, load, fault, target: baseUrl, setup: { products }, wrong, neverCame });
  if (wrong.length > 0) {
    console.error(`The sale is not exact: ${wrong.join("; ")}`);
    // artillery decides about its exit status itself, and looks here.
    /** @type {{artillery?: {suggestedExitCode?: number}}} */
    const { artillery } = /** @type {any} */ (globalThis);
    if (artillery) artillery.suggestedExitCode = 1;
    return;
  }
  console.log(`Exactly what there was and was asked for is sold: ${products.length} products, every answer in the stock.`);
}

// ---- customers ----

/** One product, one unit, one answer. @param {Context} context @param {Events} events */
export async function buys(context, events) {
  const { shop, customer } = arrives(context);
  await buy(events, { customer, product: shop.products[0], key: customer });
}

/** Looks around, buys one of five products, and looks at the order. @param {Context} context @param {Events} events */
export async function browsesAndBuys(context, events) {
  const { shop, customer, number } = arrives(context);
  const product = shop.products[number % shop.products.length];
  if (number % 2 === 0) await look(events, `/api/v1/products?category=load%20${shop.run}`, true);
  await look(events, `/api/v1/products/${product}/stock`, false);
  const order = await buy(events, { customer, product, key: customer });
  if (order !== null) await look(events, `/api/v1/orders/${order}`, true);
}

/** Nineteen of twenty want one product; who has got it tries once more. @param {Context} context @param {Events} events */
export async function buysTheHotOne(context, events) {
  const { shop, customer, number } = arrives(context);
  const elsewhere = number % 20 === 19;
  const product = shop.products[elsewhere ? 1 + (Math.floor(number / 20) % (shop.products.length - 1)) : 0];
  const order = await buy(events, { customer, product, key: customer });
  if (order === null) return;
  const again = await buy(events, { customer, product, key: `${customer}-again`, owned: true });
  if (again !== null) failed(events, "sold-above-the-limit", { customer, product });
}

/** @param {Context} context @returns {{shop: Shop, customer: string, number: number}} */
function arrives(context) {
  const number = customers;
  customers += 1;
  point("customers", 1, {});
  const run = String(context.vars.run);
  const products = String(context.vars.products).split(" ").map(Number);
  return { shop: { run, products }, customer: `${run}-${worker}-${number}`, number };
}

// ---- wishes ----

/**
 * @param {Events} events
 * @param {{customer: string, product: number|undefined, key: string, owned?: boolean}} wish `owned`: already at the limit
 * @returns {Promise<string|null>} the order, or null
 */
async function buy(events, { customer, product = 0, key, owned = false }) {
  // Who is at the limit already may have no unit more.
  count(events, "arrivals", { product: String(product), ...(owned ? { units: "0" } : {}) });
  const answer = await ask(baseUrl, "POST", "/api/v1/purchases",
    { key, body: { productId: product, quantity: 1, customerId: customer } }, () => count(events, "repeats"));
  const bought = answer.document;
  if (answer.status === 201 && bought?.orderId && bought.productId === product && bought.customerId === customer) {
    count(events, "successes");
    measure(events, "success_latency", answer.waited);
    acknowledge("purchase", bought.orderId, product, customer, 1);
    return bought.orderId;
  }
  const known = ["sold-out", ...(owned ? ["customer-limit-reached"] : [])];
  if (known.includes(answer.code)) {
    count(events, "refusals", { code: answer.code, product: String(product) });
    measure(events, "refusal_latency", answer.waited);
    return null;
  }
  failed(events, answer.code || `status-${answer.status}`, answer);
  return null;
}

/**
 * @param {Events} events @param {string} path
 * @param {boolean} tables whether the tables for queries answer, which may be behind or away
 */
async function look(events, path, tables) {
  // Tables that follow the sale may be asked again; that is no sign of trouble and is not counted.
  const repeated = tables ? () => undefined : () => count(events, "repeats");
  const answer = await ask(baseUrl, "GET", path, { patience: tables ? 1 : undefined }, repeated);
  if (answer.status === 200) return measure(events, "read_latency", answer.waited);
  if (tables && ["projection-behind", "database-unavailable", "no-answer"].includes(answer.code)) {
    return count(events, "reads_unavailable");
  }
  return failed(events, `look-${answer.code}`, answer);
}

/** @param {Events} events @param {string} kind @param {unknown} what */
function failed(events, kind, what) {
  console.error(`unexpected answer: ${kind} ${JSON.stringify(what)}`);
  count(events, "errors", { kind });
}

/** @param {Events} events @param {string} name @param {Record<string, string>} [tags] */
function count(events, name, tags = {}) {
  events.emit("counter", name, 1);
  if (tags.code) events.emit("counter", `${name}.${tags.code}`, 1);
  if (tags.kind) events.emit("counter", `${name}.${tags.kind}`, 1);
  point(name, 1, tags);
}

/** @param {Events} events @param {string} name @param {number} milliseconds */
function measure(events, name, milliseconds) {
  events.emit("histogram", name, milliseconds);
  point(name, milliseconds, {});
}
