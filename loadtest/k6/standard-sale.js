// Customers as they are on an ordinary day of a sale: they look around, look at a product, buy one, and look at the
// order they got. There are fewer units than customers.

import { nextCustomer } from "./library/customers.js";
import { newRun, prepareProducts } from "./library/prepare.js";
import { describe, optionsOf } from "./library/scenario.js";
import { SOLD, buy, look, wrong } from "./library/shop.js";
import { summaryOf } from "./library/summary.js";

const scenario = describe("standard-sale");
const { stock, users } = scenario.load;
const known = scenario.expectation.refusals;
const PRODUCTS = 5;

export const options = optionsOf(scenario);

export function setup() {
  return prepareProducts(newRun(), Array.from({ length: PRODUCTS }, (_, index) => ({
    name: `Poster ${index + 1}`, units: stock, limitPerCustomer: 1, demand: Math.ceil((users - index) / PRODUCTS),
  })));
}

export default function comes(shop) {
  const customer = nextCustomer(shop, users);
  if (customer === null) return;
  const product = shop.products[customer.number % PRODUCTS].productId;
  if (customer.number % 2 === 0) look("products", `/api/v1/products?category=load%20${shop.run}`, { discard: true, tables: true });
  look("stock", `/api/v1/products/${product}/stock`, { discard: true });
  const { outcome, orderId } = buy({ customer: customer.id, product, known });
  if (outcome !== SOLD) return;
  const order = look("order", `/api/v1/orders/${orderId}`, { tables: true });
  if (order !== null && (order.customerId !== customer.id || order.productId !== product)) wrong("wrong-order", order);
}

export const handleSummary = summaryOf(scenario);
