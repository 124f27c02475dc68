// A purchase of one unit for as little of the load generator as it can be had: a request of ready text, no measurement
// but those of the result, the answer compared without k6's check. About a quarter less of a core than buy() of shop.js.
// What the customer does and is told is the same.

import http from "k6/http";
import { arrivals, repeats } from "./metrics.js";
import { ask } from "./request.js";
import { baseUrl, requestTimeout } from "./scenario.js";
import { SOLD, acknowledge, buy, notSold, succeed, wrong } from "./shop.js";

const url = `${baseUrl}/api/v1/purchases`;
const name = "purchase";

/** Where customers have to say who they are, they buy as everywhere. */
const isOpen = !__ENV.OPERATOR_TOKEN && !__ENV.TOKEN_SECRET_FILE;

/** @param {{customer: string, product: number, known: string[]}} wish */
export function buyCheaply({ customer, product, known }) {
  if (!isOpen) return buy({ customer, product, known });
  arrivals.add(1, { product: String(product) });
  const began = Date.now();
  const response = http.post(url, `{"productId":${product},"quantity":1,"customerId":"${customer}"}`, {
    headers: { "Content-Type": "application/json", "Idempotency-Key": customer },
    timeout: requestTimeout, responseType: "text", responseCallback: null,
  });
  if (response.status === 201) {
    return sold(JSON.parse(response.body), customer, product, response.timings.duration + response.timings.connecting);
  }
  return again({ customer, product, known }, began);
}

/** Whoever has no definite answer asks with the same key, as everywhere; whoever has one hears it again. */
function again({ customer, product, known }, began) {
  repeats.add(1, { name });
  const answer = ask("POST", "/api/v1/purchases", { name, key: customer, body: { productId: product, quantity: 1, customerId: customer } });
  const waited = Date.now() - began;
  return answer.status === 201 ? sold(answer.document, customer, product, waited) : { outcome: notSold({ ...answer, waited }, known, product) };
}

function sold(document, customer, product, waited) {
  const { orderId, productId, quantity, customerId } = document ?? {};
  if (!orderId || productId !== product || quantity !== 1 || customerId !== customer) {
    return { outcome: wrong("wrong-purchase", document) };
  }
  succeed(waited, 1);
  acknowledge("purchase", orderId, product, customer, 1);
  return { outcome: SOLD, orderId };
}
