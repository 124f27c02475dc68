// The faults, and when they happen: signal 9, the Postgres of the tables stopped, a journal whose disk
// is slow. What was done and how soon the server was well again goes into the result.

import { CannotRun } from './failure.mjs';
import { pause } from './child.mjs';
import { round } from './points.mjs';

/** @typedef {{at: number, what: string, recoveredAfterSeconds: number|null}} Injected `at` in milliseconds of the clock
 *   until the run is over */
/** @typedef {{server: import('./server.mjs').Server, stores: import('./topology.mjs').Stores}} Site */
/** @typedef {{atSeconds: number, what: "crash"|"database-away"|"slow-disk", seconds: number}} Planned */

/** How much later every answer of the journal's store comes on the slow disk: a crowded network disk. */
export const SLOW_MILLISECONDS = 50;
/** In the middle of it the disk answers nothing at all for this long. */
export const STALL_SECONDS = 1;

/**
 * When what happens, counted from the first customer. A crash comes at once, while most is sold, in the
 * middle and towards the end; a short run has time for one.
 * @param {import('./arguments.mjs').Fault} fault
 * @param {number} loadSeconds how long customers will come
 * @param {"quick"|"full"} size
 * @returns {Planned[]}
 */
export function plan(fault, loadSeconds, size) {
  if (fault === 'none') return [];
  if (fault === 'crash') {
    const shares = loadSeconds < 6 ? [0.4] : [0.03, 0.5, 0.8];
    return shares.map((share) => ({ atSeconds: round(share * loadSeconds), what: fault, seconds: 0 }));
  }
  if (fault === 'database-away') {
    return [{ atSeconds: round(loadSeconds / 4), what: fault, seconds: size === 'quick' ? 10 : 30 }];
  }
  return [{ atSeconds: round(loadSeconds / 5), what: fault, seconds: Math.max(2, round(loadSeconds * 0.6)) }];
}

/**
 * Does all that is planned, in its order. Stops early when the run is over.
 * @param {Planned[]} planned
 * @param {Site} site
 * @param {{start: () => number|null, isOver: () => boolean, say: (text: string) => void}} run
 * @returns {Promise<Injected[]>}
 */
export async function inject(planned, site, run) {
  const injected = [];
  for (const fault of planned) {
    let start = run.start();
    while (!run.isOver() && (start === null || Date.now() < start + fault.atSeconds * 1000)) {
      await pause(0.01);
      start = run.start();
    }
    if (run.isOver()) break;
    injected.push(await happen(fault, site, run.say));
  }
  return injected;
}

/**
 * @param {Planned} fault
 * @param {Site} site
 * @param {(text: string) => void} say
 * @returns {Promise<Injected>}
 */
export async function happen(fault, { server, stores }, say) {
  const at = Date.now();
  if (fault.what === 'crash') {
    await server.kill();
    await server.start();
    const recoveredAfterSeconds = round((Date.now() - at) / 1000);
    say(`kill -9; the server sells again after ${recoveredAfterSeconds} s`);
    return { at, what: 'kill -9', recoveredAfterSeconds };
  }
  if (fault.what === 'database-away') {
    if (stores.postgres === null) throw new CannotRun('there is no Postgres of the tables that could be stopped');
    await stores.postgres.stop();
    say(`the Postgres of the tables is stopped for ${fault.seconds} s`);
    await pause(fault.seconds);
    await stores.postgres.start();
    say('the Postgres of the tables is back');
    return {
      at,
      what: `the Postgres of the tables stopped for ${fault.seconds} s`,
      recoveredAfterSeconds: round((Date.now() - at) / 1000),
    };
  }
  if (stores.proxy === null) throw new CannotRun('there is no disk that could be made slow');
  stores.proxy.delay = SLOW_MILLISECONDS;
  say(`the journal's disk is slow for ${fault.seconds} s`);
  await pause((fault.seconds - STALL_SECONDS) / 2);
  stores.proxy.stall(true);
  await pause(STALL_SECONDS);
  stores.proxy.stall(false);
  await pause((fault.seconds - STALL_SECONDS) / 2);
  stores.proxy.delay = 0;
  say("the journal's disk is fast again");
  return {
    at,
    what:
      `every answer of the journal's store ${SLOW_MILLISECONDS} ms later for ${fault.seconds} s, ` +
      `and nothing for ${STALL_SECONDS} s of it`,
    recoveredAfterSeconds: round((Date.now() - at) / 1000),
  };
}
