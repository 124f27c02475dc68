// Half of the customers put A and then B into their carts, the others B and then A. Locks taken in the order of the
// cart would wait for each other for ever; here everybody gets both.

import { nextCustomer } from "./library/customers.js";
import { buyByCart } from "./library/orders.js";
import { newRun, prepareProducts } from "./library/prepare.js";
import { describe, executorsOf, optionsOf } from "./library/scenario.js";
import { summaryOf } from "./library/summary.js";

const scenario = describe("mixed-carts");
const { stock, users } = scenario.load;
const known = scenario.expectation.refusals;

// Carts are in the database: while it is away nobody can put anything into one.
export const options = optionsOf(scenario, executorsOf(scenario.load, { needsDatabase: 40 }));

export function setup() {
  return prepareProducts(newRun(), ["A", "B"].map((name) => ({ name: `Card ${name}`, units: stock, demand: users })));
}

export default function comes(shop) {
  const customer = nextCustomer(shop, users);
  if (customer === null) return;
  const lines = shop.products.map(({ productId }) => ({ product: productId, units: 1 }));
  buyByCart({ customer: customer.id, lines: customer.number % 2 === 0 ? lines : lines.reverse(), known });
}

export const handleSummary = summaryOf(scenario);
