// After the load: waits until the server has nothing left to do.

import { waitUntil } from "./child.mjs";
import { read, sum } from "./prometheus.mjs";
import { round } from "./points.mjs";

const LIMIT_SECONDS = 300;

/**
 * Waits until every queued purchase is decided and the tables have everything.
 * @param {string} url
 * @param {string|null} token
 * @returns {Promise<number|null>} after how many seconds; null if not at all
 */
export async function settle(url, token) {
  const start = Date.now();
  let calm = 0;
  const settled = await waitUntil(LIMIT_SECONDS, async () => {
    calm = (await isCalm(url, token)) ? calm + 1 : 0;
    // Twice, because a lag of 0 may have been measured just before the last batch.
    return calm >= 2;
  }, 0.2);
  return settled ? round((Date.now() - start) / 1000) : null;
}

/** @param {string} url @param {string|null} token */
async function isCalm(url, token) {
  try {
    const answer = await fetch(`${url}/metrics`, {
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(5000),
    });
    if (!answer.ok) return false;
    const metrics = read(await answer.text());
    return ["lastunit_projection_lag_seconds", "lastunit_queue_depth", "lastunit_inflight_commands"]
      .every((name) => sum(metrics, name) === 0);
  } catch {
    return false;
  }
}
