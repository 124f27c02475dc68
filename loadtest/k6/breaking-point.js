// Raises the rate at which customers come, step by step, until something gives way: p99 of successes passes the limit
// (LATENCY_LIMIT, 250 ms), errors appear, or the load generator itself cannot send as much as it should. There are
// more units than anybody can buy, so all answers are sales.
//
// What k6 spends on a customer decides how far the ladder reaches where the server shares its machine, so they buy the
// cheap way (see library/cheap.js), and k6 adds one tag to each measurement.
//
// k6 ends the run at once when a limit is passed. Customers who are under way at that moment never hear the answer:
// `unanswered` in the summary counts them, and up to so many units may be sold beyond the acknowledged ones.

import { buyCheaply } from "./library/cheap.js";
import { nextCustomer } from "./library/customers.js";
import { newRun, prepareProducts } from "./library/prepare.js";
import { describe, executorsOf, fault, optionsOf } from "./library/scenario.js";
import { stepsOf } from "./library/steps.js";
import { summaryOf } from "./library/summary.js";

const scenario = describe("breaking-point");
const { duration, latencyLimit: limit, steps, stock } = scenario.load;
const known = scenario.expectation.refusals;
const PRODUCTS = 4;

const ladder = stepsOf({ rates: steps, duration, limit, fault });

export const options = {
  ...optionsOf(scenario, ladder.executors(executorsOf), ladder.thresholds),
  systemTags: ["scenario"],
};

export function setup() {
  return prepareProducts(newRun(), Array.from({ length: PRODUCTS }, (_, index) => ({ name: `Plenty ${index + 1}`, units: stock })));
}

export default function comes(shop) {
  const customer = nextCustomer(shop, null);
  const product = shop.products[customer.number % PRODUCTS].productId;
  buyCheaply({ customer: customer.id, product, known });
}

export const handleSummary = summaryOf(scenario, (data) => ({ breakingPoint: ladder.found(data) }));
