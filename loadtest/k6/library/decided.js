// How queued purchases end: every one that was accepted must be decided.

import { check, sleep } from "k6";
import { ask } from "./request.js";
import { patienceSeconds } from "./scenario.js";
import { decisionLatency, errors, refusals, successes } from "./metrics.js";
import { FAILED, REFUSED, SOLD, acknowledge } from "./shop.js";

/**
 * Asks about a queued purchase every `pause` seconds until it is decided.
 * @param {{customer: string, product: number, units?: number, purchaseId: string, known: string[], pause?: number}} wish
 */
export function untilDecided({ customer, product, units = 1, purchaseId, known, pause = 1 }) {
  const began = Date.now();
  while (Date.now() - began < 2 * patienceSeconds * 1000) {
    sleep(pause);
    const answer = ask("GET", `/api/v1/purchases/${purchaseId}`, { name: "purchase-look", customer });
    if (answer.status === 200 && answer.document.status === "queued") continue;
    return decision(answer, { customer, product, units, purchaseId, known, waited: Date.now() - began });
  }
  errors.add(1, { kind: "never-decided" });
  return FAILED;
}

function decision(answer, { customer, product, units, purchaseId, known, waited }) {
  const { status, code, customerId } = answer.document ?? {};
  decisionLatency.add(waited);
  if (answer.status === 200 && status === "confirmed" && customerId === customer) {
    check(answer, { "an accepted purchase ends decided": () => true });
    // What the customer waits for is the acceptance; it is counted when it comes (accept_latency).
    successes.add(1, units === 1 ? {} : { units: String(units) });
    acknowledge("purchase", purchaseId, product, customer, units);
    return SOLD;
  }
  const refused = answer.status === 200 && status === "refused" && known.includes(code);
  check(answer, { "an accepted purchase ends decided": () => refused });
  if (refused) {
    refusals.add(1, { code, product: String(product), ...(units === 1 ? {} : { units: String(units) }) });
    return REFUSED;
  }
  console.error(`purchase ${purchaseId} of ${customer} ended with ${answer.status} ${JSON.stringify(answer.document)}`);
  errors.add(1, { kind: `decided-${status ?? answer.code}` });
  return FAILED;
}
