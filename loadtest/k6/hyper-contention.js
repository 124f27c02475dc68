// Bursts at one product, each larger than the last: the answer stays exact, and a refusal cheap.

import { nextCustomer } from "./library/customers.js";
import { newRun, prepareProducts } from "./library/prepare.js";
import { describe, optionsOf } from "./library/scenario.js";
import { buy } from "./library/shop.js";
import { summaryOf } from "./library/summary.js";

const scenario = describe("hyper-contention");
const { stock, users } = scenario.load;
const known = scenario.expectation.refusals;

export const options = optionsOf(scenario);

export function setup() {
  return prepareProducts(newRun(), [{ name: "What everybody wants", units: stock, limitPerCustomer: 1 }]);
}

export default function comes(shop) {
  const customer = nextCustomer(shop, users);
  if (customer === null) return;
  buy({ customer: customer.id, product: shop.products[0].productId, known });
}

export const handleSummary = summaryOf(scenario);
