// Prepares a sale: products with their stock, on a server that may have others already.

import http from "k6/http";
import { baseUrl, operatorToken } from "./scenario.js";

const operatorHeaders = {
  "Content-Type": "application/json",
  ...(operatorToken ? { Authorization: `Bearer ${operatorToken}` } : {}),
};

/** Makes the names of products and customers of this run different from those of all others. */
export function newRun() {
  return __ENV.RUN_ID || `${Date.now().toString(36)}${Math.floor(Math.random() * 1296).toString(36)}`;
}

/**
 * Creates one product for each entry. `demand` is how many units customers will ask for, or null where it depends on
 * how long they wait.
 * @param {string} run
 * @param {{name: string, units: number, limitPerCustomer?: number, demand?: number|null}[]} wanted
 * @returns {{run: string, products: {productId: number, units: number, limitPerCustomer: number, demand: number|null}[]}}
 */
export function prepareProducts(run, wanted) {
  const products = wanted.map(({ name, units, limitPerCustomer = 0, demand = null }, index) => {
    const created = operate("POST", "/api/v1/products", 201, {
      name: `${name} (${run})`,
      price: { amount: 1000 + index, currency: "USD" },
      stock: units,
      category: `load ${run}`,
      ...(limitPerCustomer > 0 ? { limitPerCustomer } : {}),
    });
    return { productId: created.productId, units, limitPerCustomer, demand };
  });
  return { run, products };
}

/** A request of the operator before the sale, which must succeed. */
export function operate(method, path, status, body) {
  const response = http.request(method, baseUrl + path, body === undefined ? null : JSON.stringify(body), {
    headers: operatorHeaders, responseType: "text", tags: { name: "prepare" },
  });
  if (response.status === status) return response.body ? JSON.parse(response.body) : null;
  if (response.status === 0) {
    throw new Error(`The sale cannot be prepared: ${baseUrl} does not answer (${response.error}). Start lastunit there, or set BASE_URL.`);
  }
  const hint = response.status === 401 || response.status === 403 ? " Set OPERATOR_TOKEN to the token of an operator." : "";
  throw new Error(`The sale cannot be prepared: ${method} ${path} was answered ${response.status} ${response.body}.${hint}`);
}
