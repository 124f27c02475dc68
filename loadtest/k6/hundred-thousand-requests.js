// A hundred thousand requests as fast as they come: three of four buy, the others look at the stock.

import { nextCustomer } from "./library/customers.js";
import { newRun, prepareProducts } from "./library/prepare.js";
import { describe, optionsOf } from "./library/scenario.js";
import { buy, look } from "./library/shop.js";
import { summaryOf } from "./library/summary.js";

const scenario = describe("hundred-thousand-requests");
const { stock, users } = scenario.load;
const known = scenario.expectation.refusals;

export const options = optionsOf(scenario);

export function setup() {
  const demand = users - Math.floor(users / 4);
  return prepareProducts(newRun(), [{ name: "One of many", units: stock, limitPerCustomer: 1, demand }]);
}

export default function comes(shop) {
  const customer = nextCustomer(shop, users);
  if (customer === null) return;
  const product = shop.products[0].productId;
  if (customer.number % 4 === 3) look("stock", `/api/v1/products/${product}/stock`, { discard: true });
  else buy({ customer: customer.id, product, known });
}

export const handleSummary = summaryOf(scenario);
