// After the load: waits until the server has nothing left to do.

import { waitUntil } from './child.mjs';
import { read, sum } from './prometheus.mjs';
import { round } from './points.mjs';

const LIMIT_SECONDS = 300;
/** Others may keep a server busy that is not ours. */
const TARGET_LIMIT_SECONDS = 30;

/**
 * Waits until every queued purchase is decided and the tables have everything.
 * @param {string} url
 * @param {string|null} token
 * @param {boolean} isOurs
 * @returns {Promise<number|null>} after how many seconds; null if not at all, or if nobody may know
 */
export async function settle(url, token, isOurs) {
  const start = Date.now();
  let calm = 0;
  let isSecret = false;
  const settled = await waitUntil(
    isOurs ? LIMIT_SECONDS : TARGET_LIMIT_SECONDS,
    async () => {
      const metrics = await metricsOf(url, token);
      isSecret = metrics === 'secret' && !isOurs;
      calm = isCalm(metrics) ? calm + 1 : 0;
      // Twice, because a lag of 0 may have been measured just before the last batch.
      return calm >= 2 || isSecret;
    },
    0.2,
  );
  return settled && !isSecret ? round((Date.now() - start) / 1000) : null;
}

/** @param {string} url @param {string|null} token @returns {Promise<import('./prometheus.mjs').Reading|"secret"|null>} */
async function metricsOf(url, token) {
  try {
    const answer = await fetch(`${url}/metrics`, {
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(5000),
    });
    if (answer.status === 401 || answer.status === 403) return 'secret';
    return answer.ok ? read(await answer.text()) : null;
  } catch {
    return null;
  }
}

/** @param {import('./prometheus.mjs').Reading|"secret"|null} metrics */
function isCalm(metrics) {
  if (metrics === null || metrics === 'secret') return false;
  return ['lastunit_projection_lag_seconds', 'lastunit_queue_depth', 'lastunit_inflight_commands'].every(
    (name) => sum(metrics, name) === 0,
  );
}
