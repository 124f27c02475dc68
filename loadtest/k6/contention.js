// A crowd for one product: far more purchases than there are units, until all is sold and some time longer.
// Shows on the dashboard "lastunit: contention test". Fails if a unit is left, or sold twice.
//
//   BASE_URL=http://localhost:8080 k6 run loadtest/k6/contention.js
//
// One address stands for a crowd: the server needs limits.enabled = false.

import http from "k6/http";
import { check, fail } from "k6";
import exec from "k6/execution";

const BASE_URL = __ENV.BASE_URL || "http://localhost:8080";
const UNITS = Number(__ENV.UNITS || 20000);
const ARRIVALS = Number(__ENV.ARRIVALS || 2000); // a second
const SECONDS = Number(__ENV.SECONDS || 30);

export const options = {
  scenarios: {
    crowd: {
      executor: "constant-arrival-rate",
      rate: ARRIVALS,
      timeUnit: "1s",
      duration: `${SECONDS}s`,
      preAllocatedVUs: 200,
      maxVUs: 2000,
    },
  },
  thresholds: { checks: ["rate==1"] },
};

// Refusals are answers, and no failures.
http.setResponseCallback(http.expectedStatuses(201, 409));

const JSON_BODY = { headers: { "Content-Type": "application/json" } };

export function setup() {
  const product = {
    name: "contention test",
    price: { amount: 1999, currency: "USD" },
    stock: UNITS,
    opensAt: "2020-01-01T00:00:00Z",
  };
  const created = http.post(`${BASE_URL}/api/v1/products`, JSON.stringify(product), JSON_BODY);
  if (created.status !== 201) fail(`no product: ${created.status} ${created.body}`);
  return { productId: created.json("productId") };
}

export default function ({ productId }) {
  const customerId = `k6-${exec.scenario.iterationInTest}`;
  const body = JSON.stringify({ productId, quantity: 1, customerId });
  const answer = http.post(`${BASE_URL}/api/v1/purchases`, body, JSON_BODY);
  check(answer, {
    "sold, or sold out": ({ status }) =>
      status === 201 || (status === 409 && answer.json("code") === "sold-out"),
  });
}

export function teardown({ productId }) {
  const stock = http.get(`${BASE_URL}/api/v1/products/${productId}/stock`, {
    responseCallback: http.expectedStatuses(200),
  });
  const { available, held, sold, stocked } = stock.json();
  const wanted = Math.min(UNITS, ARRIVALS * SECONDS);
  const exact = stocked === UNITS && available + held + sold === stocked;
  if (!check(sold, { "exactly what there is": () => exact && (sold === UNITS || wanted < UNITS) })) {
    fail(`sold ${sold} of ${UNITS}, ${available} are left`);
  }
}
