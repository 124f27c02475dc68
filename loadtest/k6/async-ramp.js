// More and more users who queue a purchase and ask for it until it is decided, then a burst of some who hardly pause.
// Everybody is accepted, and every accepted purchase ends sold.

import { check } from "k6";
import { nextCustomer } from "./library/customers.js";
import { untilDecided } from "./library/decided.js";
import { newRun, prepareProducts } from "./library/prepare.js";
import { ask } from "./library/request.js";
import { describe, executorsOf, optionsOf } from "./library/scenario.js";
import { SOLD, queue } from "./library/shop.js";
import { summaryOf } from "./library/summary.js";

const scenario = describe("async-ramp");
const { stages, stock } = scenario.load;
const known = scenario.expectation.refusals;
const burst = stages[stages.length - 1];
const ramp = stages.slice(0, -1);
const seconds = ramp.reduce((sum, stage) => sum + stage.seconds, 0);

export const options = optionsOf(scenario, {
  ...executorsOf({ ...scenario.load, stages: ramp }),
  burst: {
    executor: "constant-vus", exec: "hurries", vus: burst.users, startTime: `${seconds + 2}s`,
    duration: `${burst.seconds.toFixed(3)}s`, gracefulStop: "140s",
  },
});

export function setup() {
  return prepareProducts(newRun(), [{ name: "Bought in turn", units: stock, limitPerCustomer: 1 }]);
}

export default function comes(shop) {
  wait(shop, 1 + Math.random());
}

export function hurries(shop) {
  wait(shop, 0.1);
}

function wait(shop, pause) {
  const customer = nextCustomer(shop, null).id;
  const product = shop.products[0].productId;
  const { outcome, purchaseId } = queue({ customer, product, known });
  if (outcome === SOLD) untilDecided({ customer, product, purchaseId, known, pause });
}

/** Nobody waits any more when everybody has been told. */
export function teardown(shop) {
  const { status, document } = ask("GET", `/api/v1/products/${shop.products[0].productId}/queue`, { name: "queue-look" });
  check(document, { "nobody waits in the end": () => status === 200 && document.depth === 0 });
}

export const handleSummary = summaryOf(scenario);
