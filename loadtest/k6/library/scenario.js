// What every script has in common: its row of the table, the load it makes, the options k6 runs it with.

import { scenarioOf, loadOf } from "../../scenarios.mjs";

/** Where the server under test is. */
export const baseUrl = (__ENV.BASE_URL || "http://127.0.0.1:8080").replace(/\/$/, "");

/** The token of whoever runs the shop; empty where nobody has to say who they are. */
export const operatorToken = __ENV.OPERATOR_TOKEN || "";

/** What happens to the server meanwhile; "none" when nothing does. */
export const fault = __ENV.FAULT || "none";

/** How long a customer asks again before giving up, in seconds. */
export const patienceSeconds = 60;

/** After this time without an answer a request counts as lost, and is sent again. */
export const requestTimeout = "15s";

const latencyMetrics = {
  success: "success_latency",
  refusal: "refusal_latency",
  accept: "accept_latency",
  read: "read_latency",
  adjustment: "adjustment_latency",
  sign_in: "sign_in_latency",
};

/** The scenario of this name together with the load that the environment asks for. */
export function describe(name) {
  const scenario = scenarioOf(name);
  return { ...scenario, load: sized(scenario) };
}

/** k6 shows what is thrown together with the lines it came through, unless it is a text. */
function sized(scenario) {
  try {
    return loadOf(scenario, __ENV);
  } catch (error) {
    throw error instanceof RangeError ? error.message : error;
  }
}

/**
 * The options of a script.
 *
 * The tags that k6 adds to every measurement are few on purpose: with the address of each order among them its
 * memory would grow with every customer.
 */
export function optionsOf(described, executors = executorsOf(described.load), thresholds = {}) {
  return {
    scenarios: executors,
    thresholds: { ...thresholdsOf(described), ...thresholds },
    discardResponseBodies: true, // except where a request asks for the text of its answer
    systemTags: ["scenario", "name", "method", "status", "expected_response"],
    summaryTrendStats: ["count", "avg", "min", "med", "p(50)", "p(90)", "p(95)", "p(99)", "max"],
    setupTimeout: "120s",
    teardownTimeout: "180s",
  };
}

/** Limits that hold for every scenario, and its own for latencies where no fault makes customers wait. */
function thresholdsOf(described) {
  const thresholds = { checks: ["rate==1"], errors: ["count==0"], arrivals: ["count>0"] };
  if (fault === "none") {
    thresholds.repeats = ["count==0"];
    for (const { of, percentile, below } of described.expectation.latency) {
      const metric = latencyMetrics[of];
      thresholds[metric] = [...(thresholds[metric] ?? []), `p(${percentile})<${below}`];
    }
  }
  return thresholds;
}

/**
 * The executors that bring the customers of this load. `stays` is how many seconds a customer stays beyond being
 * answered, because they look around or wait for the sale to open; `needsDatabase` how long one may have to wait while
 * the database is away.
 */
export function executorsOf(load, { exec = "default", ...presence } = {}) {
  if (load.stages !== null && load.stages[0].users !== undefined) return { users: rampingUsers(load.stages, exec) };
  if (load.stages !== null) return { customers: rampingRate(load.stages, exec, presence) };
  if (load.rate !== null) return { customers: steadyRate(load, exec, presence) };
  return {
    users: {
      executor: "constant-vus", exec, vus: load.users, duration: `${load.duration}s`, gracefulStop: `${patienceSeconds + 20}s`,
    },
  };
}

/**
 * Customers in the shop at a time. During a fault many wait: for a restart all of them, some seconds; for a database
 * that is away those who need it, as long as `needsDatabase` says. If they do not suffice k6 counts
 * `dropped_iterations`, which are customers that never came.
 */
function inShop(rate, { stays = 0, needsDatabase = 4 }) {
  const usual = Math.ceil(rate * (1 + stays));
  const waiting = { none: 0, crash: 4 * rate, "slow-disk": 4 * rate, "database-away": needsDatabase * rate }[fault] ?? 4 * rate;
  const ready = usual + Math.ceil(waiting / 4);
  return {
    preAllocatedVUs: Math.min(4000, Math.max(50, ready)),
    maxVUs: Math.min(10000, Math.max(200, Math.ceil(4 * usual + waiting))),
  };
}

/** One second longer than needed: who comes after the last customer of the load goes away again (see customers.js). */
function steadyRate({ rate, duration }, exec, presence) {
  const [perUnit, timeUnit] = Number.isInteger(rate) ? [rate, "1s"] : [Math.max(1, Math.round(rate * 60)), "60s"];
  return {
    executor: "constant-arrival-rate",
    exec,
    rate: perUnit,
    timeUnit,
    duration: `${(duration + 1).toFixed(3)}s`,
    gracefulStop: `${patienceSeconds + 20}s`,
    ...inShop(Math.ceil(rate), presence),
  };
}

function rampingRate(stages, exec, presence) {
  const peak = Math.max(...stages.map((stage) => stage.rate));
  // One second longer than needed, as above.
  const last = { rate: stages[stages.length - 1].rate, seconds: 1 };
  return {
    executor: "ramping-arrival-rate",
    exec,
    startRate: stages[0].rate,
    timeUnit: "1s",
    stages: [...stages, last].flatMap(({ rate, seconds }) => [
      { target: rate, duration: "0s" },
      { target: rate, duration: `${seconds.toFixed(3)}s` },
    ]),
    gracefulStop: `${patienceSeconds + 20}s`,
    ...inShop(peak, presence),
  };
}

function rampingUsers(stages, exec) {
  return {
    executor: "ramping-vus",
    exec,
    startVUs: 0,
    stages: stages.flatMap(({ users, seconds, hold }) => [
      ...(hold ? [{ target: users, duration: "0s" }] : []),
      { target: users, duration: `${seconds.toFixed(3)}s` },
    ]),
    // A user who has to leave first gets the answer to what they have asked: without it nobody could say what is right.
    gracefulRampDown: `${patienceSeconds + 20}s`,
    gracefulStop: `${patienceSeconds + 20}s`,
  };
}
