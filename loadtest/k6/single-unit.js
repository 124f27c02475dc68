// A thousand customers want one unit: exactly one of them gets it.

import { nextCustomer } from "./library/customers.js";
import { newRun, prepareProducts } from "./library/prepare.js";
import { describe, optionsOf } from "./library/scenario.js";
import { buy } from "./library/shop.js";
import { summaryOf } from "./library/summary.js";

const scenario = describe("single-unit");
const { stock, users } = scenario.load;
const known = scenario.expectation.refusals;

export const options = optionsOf(scenario);

export function setup() {
  return prepareProducts(newRun(), [{ name: "The only one", units: stock, limitPerCustomer: 1, demand: users }]);
}

export default function comes(shop) {
  const customer = nextCustomer(shop, users);
  if (customer !== null) buy({ customer: customer.id, product: shop.products[0].productId, known });
}

export const handleSummary = summaryOf(scenario);
