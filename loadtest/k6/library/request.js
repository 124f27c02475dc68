// One request as a real shop sends it: with an answer that is definite in the end, whatever happens on the way.

import http from "k6/http";
import { sleep } from "k6";
import { baseUrl, operatorToken, patienceSeconds, requestTimeout } from "./scenario.js";
import { repeats } from "./metrics.js";
import { tokenOfCustomer } from "./tokens.js";

// A refusal by the rules of the sale is an answer, not a failure.
http.setResponseCallback(http.expectedStatuses({ min: 200, max: 399 }, 401, 402, 404, 409, 410, 412, 422));

/**
 * @typedef {object} Answer
 * @property {number} status 0 when no definite answer came in time
 * @property {any} document the JSON of the answer; null when it has none or nobody asked for it
 * @property {string} code of the problem; "" for a success, "no-answer" with status 0
 * @property {number} waited milliseconds from the first try to this answer
 * @property {number} tries
 */

/**
 * Sends a request, and sends it again after a lost connection, a lost answer, or a 503 that says it may be repeated.
 * The key stays the same, so nothing is done twice. Only for what may be repeated: what has a key, sets, or reads.
 *
 * @param {"GET"|"POST"|"PUT"|"PATCH"|"DELETE"} method
 * @param {string} path
 * @param {{name: string, body?: object, key?: string, token?: string|null, customer?: string, session?: string,
 *   headers?: Record<string, string>, read?: boolean, patience?: number, mayBeBehind?: boolean}} request
 *   `customer`: who asks, with a token of their own where customers have tokens; otherwise whoever runs the shop asks for
 *   them, but never for what is in the cart of a session;
 *   `read`: the document of a success is not looked into; `patience`: seconds, in place of a customer's;
 *   `mayBeBehind`: it reads tables that follow the sale, so asking again is no sign of trouble and is not counted
 * @returns {Answer}
 */
export function ask(method, path, request) {
  const { params, body } = prepare(request);
  const began = Date.now();
  const patience = (request.patience ?? patienceSeconds) * 1000;
  for (let tries = 1; ; tries += 1) {
    const response = http.request(method, baseUrl + path, body, params);
    const answer = understand(response, request.read ?? false);
    const waited = tries === 1 ? response.timings.duration + response.timings.connecting : Date.now() - began;
    if (!answer.again) return { status: answer.status, document: answer.document, code: answer.code, waited, tries };
    const pause = pauseAfter(response, tries);
    if (Date.now() - began + pause * 1000 > patience) {
      return { status: 0, document: null, code: answer.code || "no-answer", waited: Date.now() - began, tries };
    }
    if (!request.mayBeBehind) repeats.add(1, { name: request.name });
    sleep(pause);
  }
}

function prepare({ name, body, key, token, customer, session, headers }) {
  const all = { ...headers };
  if (body !== undefined) all["Content-Type"] = "application/json";
  if (key) all["Idempotency-Key"] = key;
  const bearer = token || (customer && tokenOfCustomer(customer)) || (session ? "" : operatorToken);
  if (bearer) all.Authorization = `Bearer ${bearer}`;
  if (session) all["X-Session-Id"] = session;
  return {
    body: body === undefined ? null : JSON.stringify(body),
    params: { headers: all, timeout: requestTimeout, tags: { name }, responseType: "text" },
  };
}

function understand(response, read) {
  if (response.status === 0) return { again: true, status: 0, document: null, code: "" };
  const document = read && response.status < 400 ? null : documentOf(response);
  const code = response.status < 400 ? "" : document?.code ?? `status-${response.status}`;
  const again = (response.status === 503 && document?.retryable !== false) || code === "idempotency-key-in-progress";
  return { again, status: response.status, document, code };
}

function documentOf(response) {
  if (!response.body) return null;
  try {
    return JSON.parse(response.body);
  } catch {
    return null;
  }
}

/** Seconds to wait before the next try: as the server says, but no longer than a second, and never all together. */
function pauseAfter(response, tries) {
  const said = response.status === 0 ? Math.min(1, 0.1 * tries) : Math.min(1, Number(response.headers["Retry-After"] ?? 0.2));
  return said * (0.5 + Math.random());
}
