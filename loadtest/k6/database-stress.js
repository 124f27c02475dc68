// The tables for queries, read and written at once: orders of two products, each looked at and listed, searches of the
// catalogue, changes of products by operators, and every tenth order cancelled.

import { check } from "k6";
import { nextCustomer } from "./library/customers.js";
import { errors } from "./library/metrics.js";
import { order } from "./library/orders.js";
import { newRun, prepareProducts } from "./library/prepare.js";
import { ask } from "./library/request.js";
import { describe, executorsOf, optionsOf } from "./library/scenario.js";
import { SOLD, cancel, look, wrong } from "./library/shop.js";
import { summaryOf } from "./library/summary.js";

const scenario = describe("database-stress");
const { stock, users } = scenario.load;
const known = scenario.expectation.refusals;
const PRODUCTS = 20;

export const options = optionsOf(scenario, executorsOf(scenario.load, { needsDatabase: 8 }));

export function setup() {
  return prepareProducts(newRun(), Array.from({ length: PRODUCTS }, (_, index) => ({ name: `Book ${index + 1}`, units: stock })));
}

export default function comes(shop) {
  const customer = nextCustomer(shop, users);
  if (customer === null) return;
  const pick = (offset) => shop.products[(customer.number + offset) % PRODUCTS].productId;
  const lines = [{ product: pick(0), units: 1 }, { product: pick(7), units: 2 }];
  search(shop, customer.number);
  if (customer.number % 20 === 0) change(pick(0), customer);
  const { outcome, orderId } = order({ customer: customer.id, lines, known });
  if (outcome !== SOLD) return;
  const shown = look("order", `/api/v1/orders/${orderId}`, { tables: true });
  if (shown !== null && !isWhole(shown, lines)) wrong("half-an-order", shown);
  look("orders", `/api/v1/orders?customerId=${customer.id}`, { discard: true, tables: true });
  if (customer.number % 10 === 0) cancel({ customer: customer.id, orderId, lines });
}

/** Who has been told that all lines are theirs never sees an order with some of them. */
function isWhole(shown, lines) {
  return shown.status === "confirmed" && lines.every(({ product, units }) =>
    shown.lines.some((line) => line.productId === product && line.quantity === units && line.status === "sold"));
}

function search(shop, number) {
  const category = `category=load%20${shop.run}`;
  const searches = [`${category}&sort=-price`, `${category}&q=book&inStock=true`, `${category}&minPrice=1005&maxPrice=1015`];
  look("products", `/api/v1/products?${searches[number % searches.length]}`, { discard: true, tables: true });
}

function change(product, customer) {
  const answer = ask("PATCH", `/api/v1/products/${product}`, {
    name: "change", key: `${customer.id}-change`, patience: 5,
    body: { description: `Changed for the ${customer.number}th customer` },
  });
  // While the tables are away a change is refused with 503; everything else must go on.
  const refused = ["projection-behind", "database-unavailable"].includes(answer.code);
  const changed = answer.status === 200 || answer.status === 204 || refused;
  if (!check(answer, { "a product can be changed": () => changed })) errors.add(1, { kind: `change-${answer.code || answer.status}` });
}

export const handleSummary = summaryOf(scenario);
