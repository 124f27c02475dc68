// Who comes: each customer has a name and keys of their own, and comes once.

import exec from "k6/execution";

/**
 * The customer of this iteration, or null when everybody of the load has come. The executors run a little longer than
 * they should, so that exactly as many customers come as the scenario says.
 * @param {{run: string}} shop what setup() returned
 * @param {number|null} users how many come in all; null where that is not fixed
 */
export function nextCustomer(shop, users) {
  const number = exec.scenario.iterationInTest;
  if (users !== null && number >= users) return null;
  return { number, id: `${shop.run}-${exec.scenario.name}-${number}` };
}

/** A number between 0 and 1 that is the same for the same customer in every run, and spread evenly. */
export function chanceOf(number, purpose = 0) {
  let hash = Math.imul(number + 1, 0x9e3779b1) ^ Math.imul(purpose + 1, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 4294967296;
}
