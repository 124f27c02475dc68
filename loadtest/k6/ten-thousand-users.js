// Ten thousand customers with accounts in the life of one sale: they look at it before it opens, wait, and buy under it
// with their own tokens. Most are signed in already; one in a hundred signs in with a password first, which costs the
// server a slow hash.

import { check, sleep } from "k6";
import http from "k6/http";
import { nextCustomer } from "./library/customers.js";
import { errors, signInLatency } from "./library/metrics.js";
import { newRun, operate, prepareProducts } from "./library/prepare.js";
import { ask } from "./library/request.js";
import { baseUrl, describe, executorsOf, optionsOf } from "./library/scenario.js";
import { buy, look } from "./library/shop.js";
import { summaryOf } from "./library/summary.js";
import { needTokens, tokenOfCustomer } from "./library/tokens.js";

const scenario = describe("ten-thousand-users");
const { accounts, stock, users } = scenario.load;
const known = scenario.expectation.refusals;
const PASSWORD = "correct horse battery staple";
const OPENS_AFTER_SECONDS = 2;

needTokens();

export const options = optionsOf(scenario, executorsOf(scenario.load, { stays: OPENS_AFTER_SECONDS }));

export function setup() {
  const run = newRun();
  const shop = prepareProducts(run, [{ name: "In the drop", units: stock, limitPerCustomer: 1, demand: users }]);
  const [{ productId }] = shop.products;
  const emails = register(run);
  const opensAt = Date.now() + OPENS_AFTER_SECONDS * 1000;
  const { saleId } = operate("POST", "/api/v1/sales", 201, {
    name: `Drop (${run})`,
    startsAt: new Date(opensAt).toISOString(),
    endsAt: new Date(opensAt + 24 * 3600 * 1000).toISOString(),
    products: [{ productId, price: { amount: 900, currency: "USD" }, units: stock, limitPerCustomer: 1 }],
  });
  return { ...shop, saleId, opensAt, emails };
}

/** Accounts that are there before the sale. Eight at a time: the server turns away more than it can hash. */
function register(run) {
  const emails = Array.from({ length: accounts }, (_, index) => `${run}-${index}@example.com`);
  for (let from = 0; from < emails.length; from += 8) {
    const requests = emails.slice(from, from + 8).map((email) => [
      "POST", `${baseUrl}/api/v1/auth/register`, JSON.stringify({ email, password: PASSWORD }),
      { headers: { "Content-Type": "application/json" }, tags: { name: "register" }, responseType: "text" },
    ]);
    for (const response of http.batch(requests)) {
      if (response.status !== 201) {
        throw new Error(`No account could be made: ${response.status} ${response.body}. The server needs auth.mode = "jwt" and auth.issuer_enabled.`);
      }
    }
  }
  return emails;
}

export default function comes(shop) {
  const customer = nextCustomer(shop, users);
  if (customer === null) return;
  const { name, token } = identityOf(shop, customer);
  look("sale", `/api/v1/sales/${shop.saleId}`, { token, discard: true });
  waitFor(shop.opensAt);
  buy({ customer: name, key: customer.id, token, product: shop.products[0].productId, saleId: shop.saleId, known });
}

/** Each account is one customer's. */
function identityOf(shop, customer) {
  const every = Math.ceil(users / Math.max(1, shop.emails.length));
  const email = customer.number % every === 0 ? shop.emails[customer.number / every] : undefined;
  const signedIn = email === undefined ? null : signIn(email);
  return signedIn ?? { name: customer.id, token: tokenOfCustomer(customer.id) };
}

function signIn(email) {
  const answer = ask("POST", "/api/v1/auth/login", { name: "sign-in", body: { email, password: PASSWORD } });
  if (!check(answer, { "who has an account can sign in": () => answer.status === 200 })) {
    errors.add(1, { kind: `sign-in-${answer.code || answer.status}` });
    return null;
  }
  signInLatency.add(answer.waited);
  return { name: answer.document.account.customerId, token: answer.document.accessToken };
}

/** Nobody asks earlier than the page lets them, by a clock that may differ a little from the server's. */
function waitFor(opensAt) {
  const left = opensAt - Date.now();
  if (left > -200) sleep((left + 200) / 1000);
}

export const handleSummary = summaryOf(scenario);
