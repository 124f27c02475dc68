// Runs a scenario's k6 script. Its points arrive through a named pipe while it runs, for the progress
// and without a file of a gigabyte; what customers were told goes to a file of its own at once.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { Child, output } from "./child.mjs";
import { CannotRun } from "./failure.mjs";
import { LOADTEST, findK6 } from "./install.mjs";
import { readCsv } from "./points.mjs";

/** What k6 says when a threshold of the script was crossed: the run itself was complete. */
const THRESHOLDS_CROSSED = 99;

/** @typedef {{product: number, units: number, limit: number, demand: number|null}} Prepared a product as the script set
 *   it up; `demand`: units that customers will ask for, where that is known before */
/** @typedef {{complete: boolean, prepared: Prepared[], dropped: number, thresholds: {name: string, passed: boolean}[],
 *   summary: Record<string, any>}} Told what the generator said at its end */
/** @typedef {{scenario: string, directory: string, environment: Record<string, string>,
 *   points: import("./points.mjs").Points}} Load */
/** @typedef {{pid: () => number|null, finished: Promise<Told>, stop: () => void}} Generator */

/** @param {Load} load @returns {Promise<Generator>} */
export async function startK6({ scenario, directory, environment, points }) {
  const k6 = await findK6();
  const script = path.join(LOADTEST, "k6", `${scenario}.js`);
  if (!existsSync(script)) throw new CannotRun(`there is no k6 script for ${scenario} in loadtest/k6`);
  const pipe = path.join(directory, "points.pipe");
  const summary = path.join(directory, "summary.json");
  await output("mkfifo", [pipe]);
  // It opens the pipe at once and ends with it, whatever becomes of k6.
  const reader = spawn("cat", [pipe], { stdio: ["ignore", "pipe", "inherit"] });
  let isOpen = false;
  reader.stdout.once("data", () => (isOpen = true));
  const reading = readCsv(points, createInterface({ input: reader.stdout }));
  const child = new Child(k6, ["run", "--quiet", "--no-color", "--log-format", "raw",
    "--console-output", path.join(directory, "acknowledged.txt"), "--out", `csv=${pipe}`,
    script], {
    env: { ...environment, SUMMARY_FILE: summary, K6_CSV_TIME_FORMAT: "unix_micro", K6_NO_USAGE_REPORT: "true" },
    log: path.join(directory, "load.log"),
  });
  return {
    pid: () => (child.ended === null ? child.pid : null),
    stop: () => child.signal("SIGINT"),
    finished: (async () => {
      const { code } = await child.exit;
      // A k6 that ended before it opened the pipe leaves its reader waiting for ever.
      setTimeout(() => {
        if (!isOpen) reader.kill();
      }, 2000).unref();
      await reading;
      await rm(pipe, { force: true });
      return { complete: code === 0 || code === THRESHOLDS_CROSSED, ...(await readSummary(summary)) };
    })(),
  };
}

/** @param {string} file */
async function readSummary(file) {
  if (!existsSync(file)) return told({});
  const summary = JSON.parse(await readFile(file, "utf8"));
  await rm(file, { force: true });
  return told(summary);
}

/**
 * What matters of the script's summary.
 * @param {Record<string, any>} summary
 * @returns {Omit<Told, "complete">}
 */
export function told(summary) {
  const setup = summary.setup ?? {};
  const products = /** @type {Record<string, any>[]} */ (setup.products ?? []);
  const thresholds = /** @type {{metric: string, expression: string, ok: boolean}[]} */ (summary.thresholds ?? []);
  return {
    prepared: products.map(({ productId, units, limitPerCustomer, demand }) =>
      ({ product: productId, units, limit: limitPerCustomer ?? 0, demand: demand ?? null })),
    dropped: summary.neverCame ?? 0,
    thresholds: thresholds.map(({ metric, expression, ok }) => ({ name: `${metric} ${expression}`, passed: ok })),
    summary,
  };
}
