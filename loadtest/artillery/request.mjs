// One request with a definite answer in the end: sent again, with the same key, after a lost connection, a lost answer,
// or a 503 that says it may be repeated. The same rules as in k6/library/request.js.

import { setTimeout as pause } from "node:timers/promises";

const PATIENCE_SECONDS = 60;
const TIMEOUT_MILLISECONDS = 15_000;

/** @typedef {{status: number, code: string, document: any, waited: number}} Answer */

/**
 * @param {string} baseUrl @param {string} method @param {string} path
 * @param {{key?: string, body?: object, patience?: number|undefined}} request
 * @param {() => void} repeated called before each repetition
 * @returns {Promise<Answer>} with status 0 and code `no-answer` when none came in time
 */
export async function ask(baseUrl, method, path, { key, body, patience = PATIENCE_SECONDS }, repeated) {
  const began = performance.now();
  const headers = {
    ...(body ? { "Content-Type": "application/json" } : {}),
    ...(key ? { "Idempotency-Key": key } : {}),
  };
  for (let tries = 1; ; tries += 1) {
    const { again, retryAfter, ...answer } = await attempt(baseUrl + path, {
      method, headers, ...(body ? { body: JSON.stringify(body) } : {}), signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
    });
    const waited = performance.now() - began;
    if (!again) return { ...answer, waited };
    // Never all customers together: those who wait for a restart would come back in one blow.
    const seconds = Math.min(1, retryAfter ?? 0.1 * tries) * (0.5 + Math.random());
    if (waited / 1000 + seconds > patience) return { ...answer, status: 0, code: answer.code || "no-answer", waited };
    repeated();
    await pause(seconds * 1000);
  }
}

/** @param {string} url @param {RequestInit} options */
async function attempt(url, options) {
  try {
    const response = await fetch(url, options);
    const document = documentOf(await response.text());
    const code = response.status < 400 ? "" : String(document?.code ?? `status-${response.status}`);
    const again = (response.status === 503 && document?.retryable !== false) || code === "idempotency-key-in-progress";
    const said = response.headers.get("Retry-After");
    return { status: response.status, code, document, again, retryAfter: said === null ? null : Number(said) };
  } catch {
    return { status: 0, code: "", document: null, again: true, retryAfter: null };
  }
}

/** @param {string} text */
function documentOf(text) {
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    return null;
  }
}
