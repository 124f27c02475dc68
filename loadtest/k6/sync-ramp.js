// More and more users who buy once a second and wait for the answer, then a few for a long time.

import { sleep } from "k6";
import { nextCustomer } from "./library/customers.js";
import { newRun, prepareProducts } from "./library/prepare.js";
import { describe, optionsOf } from "./library/scenario.js";
import { buy } from "./library/shop.js";
import { summaryOf } from "./library/summary.js";

const scenario = describe("sync-ramp");
const known = scenario.expectation.refusals;

export const options = optionsOf(scenario);

export function setup() {
  return prepareProducts(newRun(), [{ name: "Bought at once", units: scenario.load.stock, limitPerCustomer: 1 }]);
}

export default function comes(shop) {
  const customer = nextCustomer(shop, null);
  buy({ customer: customer.id, product: shop.products[0].productId, known });
  sleep(0.5 + Math.random());
}

export const handleSummary = summaryOf(scenario);
