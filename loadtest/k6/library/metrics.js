// What is counted. The names are those of the run's result, whichever tool made the load.

import { Counter, Trend } from "k6/metrics";

/** Customers that asked for something to buy; `product` and `units` say what, where it is one product. */
export const arrivals = new Counter("arrivals");
/** Purchases and orders that were acknowledged; `units` says how many units, where it is not one. */
export const successes = new Counter("successes");
/** Units of acknowledged orders that were given back. */
export const returns = new Counter("returns");
/** Queued purchases that were acknowledged (202). */
export const accepts = new Counter("accepts");
/** Refusals by the rules of the sale, by `code`. */
export const refusals = new Counter("refusals");
/** What must never happen, by `kind`: no definite answer, an unexpected one, or a wrong one. */
export const errors = new Counter("errors");
/** Requests that were sent again, with the same key, because no definite answer came. */
export const repeats = new Counter("repeats");
/** Reads that were answered 503 and not asked again: the tables were behind or away. */
export const readsUnavailable = new Counter("reads_unavailable");
/** Holds that were acknowledged. */
export const holds = new Counter("holds");

/** How long a customer waited, from the first request to the definite answer, repeats and pauses included. */
export const successLatency = new Trend("success_latency", true);
export const refusalLatency = new Trend("refusal_latency", true);
export const acceptLatency = new Trend("accept_latency", true);
export const readLatency = new Trend("read_latency", true);
export const adjustmentLatency = new Trend("adjustment_latency", true);
export const signInLatency = new Trend("sign_in_latency", true);
/** How long a hold took that was acknowledged. */
export const holdLatency = new Trend("hold_latency", true);
/** From the acceptance of a queued purchase to the customer's knowing how it was decided. */
export const decisionLatency = new Trend("decision_latency", true);
