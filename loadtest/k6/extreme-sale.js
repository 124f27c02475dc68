// Nineteen of twenty customers want the same product. Who has got it tries once more with another key, against the
// limit of one: that must be refused whatever else happens.

import { nextCustomer } from "./library/customers.js";
import { newRun, prepareProducts } from "./library/prepare.js";
import { describe, optionsOf } from "./library/scenario.js";
import { SOLD, buy, wrong } from "./library/shop.js";
import { summaryOf } from "./library/summary.js";

const scenario = describe("extreme-sale");
const { stock, users } = scenario.load;
const known = scenario.expectation.refusals;
const OTHERS = 4;
const EVERY = 20;

export const options = optionsOf(scenario);

export function setup() {
  const elsewhere = Math.floor(users / EVERY);
  const hot = { name: "The hot one", units: stock, limitPerCustomer: 1, demand: users - elsewhere };
  const others = Array.from({ length: OTHERS }, (_, index) => ({
    name: `Another one ${index + 1}`, units: stock, limitPerCustomer: 1, demand: Math.ceil((elsewhere - index) / OTHERS),
  }));
  return prepareProducts(newRun(), [hot, ...others]);
}

export default function comes(shop) {
  const customer = nextCustomer(shop, users);
  if (customer === null) return;
  const product = shop.products[productOf(customer.number)].productId;
  const { outcome } = buy({ customer: customer.id, product, known });
  if (outcome !== SOLD) return;
  const again = buy({ customer: customer.id, key: `${customer.id}-again`, product, known, owned: true });
  if (again.outcome === SOLD) wrong("sold-above-the-limit", { customer: customer.id, product });
}

function productOf(number) {
  if (number % EVERY !== EVERY - 1) return 0;
  return 1 + (Math.floor(number / EVERY) % OTHERS);
}

export const handleSummary = summaryOf(scenario);
