// What `artillery run --overrides` takes to run a script with a load of the table that is not the one written in it:
//
//   artillery run --overrides "$(node loadtest/artillery/overrides.mjs single-unit)" loadtest/artillery/single-unit.yml
//
// obeys BASE_URL, SIZE, USERS, RATE, DURATION, STOCK and FAULT like the k6 scripts.

import { pathToFileURL } from "node:url";
import { loadOf, scenarioOf } from "../scenarios.mjs";

/**
 * @param {string} name
 * @param {Record<string, string|undefined>} environment
 */
export function overridesOf(name, environment) {
  const scenario = scenarioOf(name);
  const load = loadOf(scenario, environment);
  return {
    config: {
      ...(environment.BASE_URL ? { target: environment.BASE_URL } : {}),
      phases: phasesOf(load),
      ensure: ensureOf(scenario, load, environment.FAULT || "none"),
    },
  };
}

/** @param {ReturnType<typeof loadOf>} load */
function phasesOf(load) {
  if (load.stages !== null) {
    return load.stages.map(({ seconds, rate = 1 }) => ({ duration: seconds, arrivalCount: Math.round(seconds * rate) }));
  }
  return [{ duration: load.duration, arrivalCount: load.users }];
}

/**
 * With a fault customers wait for the server, so their latencies say nothing.
 * @param {import("../scenarios.mjs").Scenario} scenario
 * @param {ReturnType<typeof loadOf>} load
 * @param {string} fault
 */
function ensureOf(scenario, load, fault) {
  const measured = scenario.expectation.latency.filter(({ of }) => of === "success" || of === "refusal" || of === "read");
  const thresholds = measured.map(({ of, percentile, below }) => ({
    [`${of}_latency.p${percentile}`]: fault === "none" ? below : 120_000,
  }));
  const sold = scenario.name === "standard-sale" || scenario.name === "extreme-sale" ? null : Math.min(load.stock, load.users ?? load.stock);
  return { thresholds, conditions: [{ expression: sold === null ? "successes > 0" : `successes == ${sold}` }] };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    console.log(JSON.stringify(overridesOf(process.argv[2] ?? "", process.env)));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    console.error(error.message);
    process.exitCode = 2;
  }
}
