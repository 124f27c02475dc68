// What a script leaves behind: a few lines for people, and SUMMARY_FILE for programs.

import { baseUrl, fault } from "./scenario.js";

/**
 * The function that k6 calls at the end.
 * @param {ReturnType<import("./scenario.js").describe>} described
 * @param {(data: any) => object} more what this script adds to the document
 */
export function summaryOf(described, more = () => ({})) {
  return (data) => {
    const document = {
      scenario: described.name,
      size: described.load.size,
      load: described.load,
      fault,
      target: baseUrl,
      setup: data.setup_data ?? null,
      durationMs: data.state.testRunDurationMs,
      metrics: Object.fromEntries(Object.entries(data.metrics).map(([name, { values }]) => [name, values])),
      thresholds: thresholdsOf(data),
      checks: data.root_group.checks.map(({ name, passes, fails }) => ({ name, passes, fails })),
      unanswered: unanswered(data),
      neverCame: neverCame(described.load, data),
      ...more(data),
    };
    const files = { stdout: text(described, document, data) };
    if (__ENV.SUMMARY_FILE) files[__ENV.SUMMARY_FILE] = JSON.stringify(document, null, 2);
    return files;
  };
}

const count = (data, metric) => data.metrics[metric]?.values.count ?? 0;

/**
 * Customers who were cut off before they had their answer. Anything else than 0 means that the run was interrupted.
 * Errors can be more than one a customer (a sale, and then no order to look at); with any error the run has failed.
 */
function unanswered(data) {
  const answered = count(data, "successes") + count(data, "refusals") + count(data, "errors");
  return Math.max(0, count(data, "arrivals") - answered);
}

/**
 * Customers whom k6 could not send. k6 itself counts only those for whom it had nobody free, not those for whom it had
 * no time. Who was late and came in the second that is left for it is none of them.
 */
function neverCame(load, data) {
  if (load.rate === null) return count(data, "dropped_iterations");
  return Math.max(0, load.users - count(data, "iterations"));
}

/** Thresholds that can be missed; those that only make k6 keep a number apart begin with `count>=0`. */
function thresholdsOf(data) {
  return Object.entries(data.metrics).flatMap(([metric, { thresholds = {} }]) =>
    Object.entries(thresholds)
      .filter(([expression]) => expression !== "count>=0")
      .map(([expression, { ok }]) => ({ metric, expression, ok })));
}

function text(described, document, data) {
  const latency = (metric, title) => {
    const values = data.metrics[metric]?.values;
    if (!values || values.count === 0) return [];
    const at = (name) => `${values[name].toFixed(1)} ms`;
    return [`  ${title}: p50 ${at("p(50)")}, p95 ${at("p(95)")}, p99 ${at("p(99)")}, longest ${at("max")}`];
  };
  const missed = document.thresholds.filter(({ ok }) => !ok);
  return [
    `${described.title} (${described.name}, ${document.size}): expected ${described.expectation.text}`,
    `  ${count(data, "arrivals")} came, ${count(data, "successes")} successes, ${count(data, "refusals")} refusals, `
      + `${count(data, "errors")} errors, ${count(data, "repeats")} repeats, ${document.unanswered} cut off, `
      + `${document.neverCame} never came`,
    ...latency("success_latency", "successes"),
    ...latency("refusal_latency", "refusals"),
    ...latency("accept_latency", "accepted"),
    ...latency("read_latency", "reads"),
    ...latency("adjustment_latency", "restocks"),
    ...latency("sign_in_latency", "signing in"),
    missed.length === 0
      ? "  every threshold was kept"
      : `  missed: ${missed.map(({ metric, expression }) => `${metric} ${expression}`).join(", ")}`,
    "",
  ].join("\n");
}
