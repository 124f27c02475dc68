// One seller restocks a hundred products in one call, again and again, while buyers buy them: nobody waits for the
// seller, and every unit that was added is there in the end.

import exec from "k6/execution";
import { check, sleep } from "k6";
import { nextCustomer } from "./library/customers.js";
import { adjustmentLatency, errors } from "./library/metrics.js";
import { newRun, prepareProducts } from "./library/prepare.js";
import { ask } from "./library/request.js";
import { describe, executorsOf, optionsOf } from "./library/scenario.js";
import { acknowledge, buy } from "./library/shop.js";
import { summaryOf } from "./library/summary.js";

const scenario = describe("restock-while-selling");
const { duration, stock } = scenario.load;
const known = scenario.expectation.refusals;
const PRODUCTS = 100;
const ADDED = 5;

export const options = optionsOf(scenario, {
  ...executorsOf(scenario.load),
  seller: { executor: "constant-vus", exec: "restocks", vus: 1, duration: `${duration}s`, gracefulStop: "80s" },
});

export function setup() {
  const names = Array.from({ length: PRODUCTS }, (_, index) => ({ name: `Card ${index + 1}`, units: stock }));
  return prepareProducts(newRun(), names);
}

export default function comes(shop) {
  const customer = nextCustomer(shop, null);
  const product = shop.products[(customer.number * 37) % PRODUCTS].productId;
  buy({ customer: customer.id, product, known });
  sleep(0.05);
}

/** By turns each line for itself, and all or none. */
export function restocks(shop) {
  const call = exec.scenario.iterationInTest;
  const answer = ask("POST", "/api/v1/stock/adjustments", {
    name: "restock", key: `${shop.run}-restock-${call}`,
    body: {
      adjustments: shop.products.map(({ productId }) => ({ productId, delta: ADDED, reason: "restocked" })),
      atomic: call % 2 === 1,
    },
  });
  const done = answer.status === 200 && answer.document.results.every(({ status }) => status === 200 || status === 201);
  if (check(answer, { "a restock of all products succeeds": () => done })) {
    adjustmentLatency.add(answer.waited);
    for (const { productId } of shop.products) acknowledge("adjustment", call, productId, "seller", ADDED);
  } else {
    errors.add(1, { kind: `restock-${answer.code || answer.status}` });
  }
  sleep(0.5);
}

export const handleSummary = summaryOf(scenario);
