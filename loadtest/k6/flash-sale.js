// A thousand customers put the same product into their carts and check out: a hundred units, a hundred orders.

import { nextCustomer } from "./library/customers.js";
import { buyByCart } from "./library/orders.js";
import { newRun, prepareProducts } from "./library/prepare.js";
import { describe, executorsOf, optionsOf } from "./library/scenario.js";
import { summaryOf } from "./library/summary.js";

const scenario = describe("flash-sale");
const { stock, users } = scenario.load;
const known = scenario.expectation.refusals;

// Carts are in the database: while it is away nobody can put anything into one.
export const options = optionsOf(scenario, executorsOf(scenario.load, { needsDatabase: 40 }));

export function setup() {
  return prepareProducts(newRun(), [{ name: "A card in the flash sale", units: stock, limitPerCustomer: 1, demand: users }]);
}

export default function comes(shop) {
  const customer = nextCustomer(shop, users);
  if (customer === null) return;
  buyByCart({ customer: customer.id, lines: [{ product: shop.products[0].productId, units: 1 }], known });
}

export const handleSummary = summaryOf(scenario);
