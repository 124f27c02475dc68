// What an artillery run leaves for programs, in the formats of the k6 scripts:
//
//   ACKNOWLEDGED_FILE   one line `acknowledged KIND ID PRODUCT CUSTOMER UNITS` for each success, written at once
//   POINTS_FILE         every measurement with its time, as k6 writes it with `--out csv` (a named pipe will do)
//   SUMMARY_FILE        the products and their stock, at the end
//
// Workers are threads and append to the same files: a line is one write.

import { appendFileSync, mkdtempSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const COLUMNS = "metric_name,timestamp,metric_value,extra_tags\n";
/** Below the size that a pipe takes in one piece, so that lines of two workers do not mix. */
const PIECE = 3500;
const FLUSH_MILLISECONDS = 200;

// Whoever runs a script alone gets the verification all the same; the workers inherit the folder.
process.env.LOADTEST_FOLDER ??= mkdtempSync(path.join(tmpdir(), "loadtest-"));
const acknowledgedFile = process.env.ACKNOWLEDGED_FILE || path.join(process.env.LOADTEST_FOLDER, "acknowledged.txt");
const cameFile = path.join(process.env.LOADTEST_FOLDER, "came.txt");

let waiting = "";
let came = "";
/** @type {number|null} */
let points = null;
/** @type {NodeJS.Timeout|null} */
let timer = null;

/** @param {string} kind @param {string} id @param {number} product @param {string} customer @param {number} units */
export function acknowledge(kind, id, product, customer, units) {
  appendFileSync(acknowledgedFile, `acknowledged ${kind} ${id} ${product} ${customer} ${units}\n`);
}

/** @param {string} name @param {number} value @param {Record<string, string>} tags */
export function point(name, value, tags) {
  if (name === "customers") came += "customers\n";
  if (name === "arrivals") came += `arrivals ${tags.product} ${tags.units ?? 1}\n`;
  if (process.env.POINTS_FILE) {
    const pairs = Object.entries(tags).map(([tag, text]) => `${tag}=${text}`).join("&");
    waiting += `${name},${Date.now() * 1000},${value},${pairs}\n`;
  }
  timer ??= setTimeout(flush, FLUSH_MILLISECONDS).unref();
  if (waiting.length > PIECE) flush();
}

function flush() {
  if (timer !== null) clearTimeout(timer);
  timer = null;
  if (came !== "") appendFileSync(cameFile, came);
  came = "";
  if (waiting === "" || !process.env.POINTS_FILE) return;
  if (points === null) {
    points = openSync(process.env.POINTS_FILE, "a");
    writeSync(points, COLUMNS);
  }
  for (const piece of pieces(waiting)) writeSync(points, piece);
  waiting = "";
}
process.on("exit", flush);

/** Whole lines, as many as fit. @param {string} text */
function* pieces(text) {
  for (let from = 0; from < text.length;) {
    const end = from + PIECE >= text.length ? text.length : text.lastIndexOf("\n", from + PIECE) + 1;
    yield text.slice(from, end);
    from = end;
  }
}

/** How many customers came in all, however often each asked. */
export function customersSoFar() {
  flush();
  return linesOf(cameFile).filter((line) => line === "customers").length;
}

/**
 * For each product how many customers wanted it and could have it, and how many were told that they have it.
 * @returns {Map<number, {wanted: number, acknowledged: number}>}
 */
export function cameSoFar() {
  flush();
  /** @type {Map<number, {wanted: number, acknowledged: number}>} */
  const found = new Map();
  const of = (/** @type {string|undefined} */ product) => {
    const entry = found.get(Number(product)) ?? { wanted: 0, acknowledged: 0 };
    found.set(Number(product), entry);
    return entry;
  };
  for (const line of linesOf(cameFile)) {
    const [name, product, units] = line.split(" ");
    if (name === "arrivals") of(product).wanted += Number(units);
  }
  for (const line of linesOf(acknowledgedFile)) {
    const [word, , , product, , units] = line.split(" ");
    if (word === "acknowledged") of(product).acknowledged += Number(units);
  }
  return found;
}

/** @param {string} file */
function linesOf(file) {
  try {
    return readFileSync(file, "utf8").split("\n").filter((line) => line !== "");
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === "ENOENT") return [];
    throw error;
  }
}

/** @param {Record<string, unknown>} document */
export function writeSummary(document) {
  if (process.env.SUMMARY_FILE) writeFileSync(process.env.SUMMARY_FILE, JSON.stringify(document, null, 2));
}
