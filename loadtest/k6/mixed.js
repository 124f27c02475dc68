// Everything at once, for hours if need be: customers who browse, buy, hold and confirm or release, check out carts,
// order at once, queue, and cancel. Some have bought before and come up against their limit; one product is scarce.

import { sleep } from "k6";
import { chanceOf, nextCustomer } from "./library/customers.js";
import { untilDecided } from "./library/decided.js";
import { buyByCart, order } from "./library/orders.js";
import { newRun, prepareProducts } from "./library/prepare.js";
import { describe, executorsOf, optionsOf } from "./library/scenario.js";
import { SOLD, buy, cancel, hold, look, queue, wrong } from "./library/shop.js";
import { summaryOf } from "./library/summary.js";

const scenario = describe("mixed");
const { stock, users } = scenario.load;
const known = scenario.expectation.refusals;
const PLENTY = 10;
const LIMIT = 2;

export const options = optionsOf(scenario, executorsOf(scenario.load, { stays: 0.3, needsDatabase: 10 }));

export function setup() {
  const plenty = Array.from({ length: PLENTY }, (_, index) => ({ name: `Record ${index + 1}`, units: stock }));
  const scarce = { name: "The rare record", units: Math.max(1, Math.floor(users / 50)), limitPerCustomer: LIMIT };
  const limited = { name: "Two for each", units: stock, limitPerCustomer: LIMIT };
  return prepareProducts(newRun(), [...plenty, scarce, limited]);
}

/** Of a hundred customers so many do this. */
const WISHES = [
  [25, browses], [20, buys], [10, buysTheRareOne], [10, comesThreeTimes], [8, holdsAndConfirms], [7, holdsAndReleases],
  [8, checksOut], [4, orders], [5, queues], [3, ordersAndCancels],
];

export default function comes(shop) {
  const customer = nextCustomer(shop, users);
  if (customer === null) return;
  let left = chanceOf(customer.number) * 100;
  const [, wish] = WISHES.find(([share]) => (left -= share) < 0) ?? WISHES[0];
  wish(shop, customer.id, customer.number);
}

const plenty = (shop, number, offset = 0) => shop.products[(number + offset) % PLENTY].productId;
const rare = (shop) => shop.products[PLENTY].productId;
const limited = (shop) => shop.products[PLENTY + 1].productId;

function browses(shop, customer, number) {
  look("products", `/api/v1/products?category=load%20${shop.run}&limit=20`, { discard: true, tables: true });
  sleep(0.2);
  look("product", `/api/v1/products/${plenty(shop, number)}`, { discard: true, tables: true });
  look("stock", `/api/v1/products/${rare(shop)}/stock`, { discard: true });
}

function buys(shop, customer, number) {
  const { outcome, orderId } = buy({ customer, product: plenty(shop, number), units: 1 + (number % 3), known });
  if (outcome === SOLD) look("order", `/api/v1/orders/${orderId}`, { discard: true, tables: true });
}

function buysTheRareOne(shop, customer) {
  buy({ customer, product: rare(shop), known });
}

function comesThreeTimes(shop, customer) {
  for (let time = 1; time <= LIMIT + 1; time += 1) {
    const { outcome } = buy({ customer, key: `${customer}-${time}`, product: limited(shop), known, owned: time > LIMIT });
    if (outcome === SOLD && time > LIMIT) wrong("sold-above-the-limit", { customer });
  }
}

function holdsAndConfirms(shop, customer, number) {
  hold({ customer, product: plenty(shop, number), confirm: true, known });
}

function holdsAndReleases(shop, customer, number) {
  hold({ customer, product: number % 2 === 0 ? rare(shop) : plenty(shop, number), confirm: false, known });
}

function linesOf(shop, number) {
  return [{ product: plenty(shop, number), units: 1 }, { product: plenty(shop, number, 3), units: 2 }];
}

function checksOut(shop, customer, number) {
  buyByCart({ customer, lines: linesOf(shop, number), known });
}

function orders(shop, customer, number) {
  order({ customer, lines: linesOf(shop, number), known });
}

function queues(shop, customer, number) {
  const product = plenty(shop, number);
  const { outcome, purchaseId } = queue({ customer, product, known });
  if (outcome === SOLD) untilDecided({ customer, product, purchaseId, known });
}

function ordersAndCancels(shop, customer, number) {
  const lines = linesOf(shop, number);
  const { outcome, orderId } = order({ customer, lines, known });
  if (outcome === SOLD) cancel({ customer, orderId, lines });
}

export const handleSummary = summaryOf(scenario);
