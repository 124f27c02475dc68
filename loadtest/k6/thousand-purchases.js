// Purchases at 50 to 1,000 a second and back: sold out exactly, whenever that is.

import { nextCustomer } from "./library/customers.js";
import { newRun, prepareProducts } from "./library/prepare.js";
import { describe, optionsOf } from "./library/scenario.js";
import { buy } from "./library/shop.js";
import { summaryOf } from "./library/summary.js";

const scenario = describe("thousand-purchases");
const { stock, users } = scenario.load;
const known = scenario.expectation.refusals;

export const options = optionsOf(scenario);

export function setup() {
  return prepareProducts(newRun(), [{ name: "A thousand a second", units: stock, limitPerCustomer: 1 }]);
}

export default function comes(shop) {
  const customer = nextCustomer(shop, users);
  if (customer === null) return;
  buy({ customer: customer.id, product: shop.products[0].productId, known });
}

export const handleSummary = summaryOf(scenario);
