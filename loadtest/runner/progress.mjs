// What a person sees while a run goes on: a line a second that replaces itself on a terminal, a line
// every five seconds in a log.

import { disturbance } from '../report/disturbance.mjs';

const IS_TERMINAL = process.stderr.isTTY === true;
const EVERY_SECONDS = IS_TERMINAL ? 1 : 5;

const number = new Intl.NumberFormat('en-US');

/** @param {string} text */
export function say(text) {
  process.stderr.write(IS_TERMINAL ? `\r\x1b[K${text}\n` : `${text}\n`);
}

export class Progress {
  /**
   * @param {import('./points.mjs').Points} points
   * @param {import('./sampler.mjs').Sampler} sampler
   * @param {number} expectedSeconds
   */
  constructor(points, sampler, expectedSeconds) {
    this.timer = setInterval(() => {
      const line = describe(points, sampler.latest, expectedSeconds);
      process.stderr.write(IS_TERMINAL ? `\r\x1b[K${line}` : `${line}\n`);
    }, EVERY_SECONDS * 1000);
  }

  stop() {
    clearInterval(this.timer);
    if (IS_TERMINAL) process.stderr.write('\r\x1b[K');
  }
}

/**
 * @param {import('./points.mjs').Points} points
 * @param {import('./sampler.mjs').Sample|null} sample
 * @param {number} expectedSeconds
 */
export function describe(points, sample, expectedSeconds) {
  if (points.start === null) return '  preparing …';
  const parts = [
    `${String(Math.floor(points.seconds)).padStart(4)} of ${Math.round(expectedSeconds)} s`,
    `arrivals ${number.format(points.arrivals.total)}`,
    `sold ${number.format(points.unitsSold)}`,
  ];
  for (const [code, { total }] of points.refusals) parts.push(`${code} ${number.format(total)}`);
  if (points.repeats.total > 0) parts.push(`repeats ${number.format(points.repeats.total)}`);
  parts.push(`errors ${number.format(points.errorsTotal)}`);
  if (sample?.cpu != null) parts.push(`server ${sample.cpu.toFixed(1)} cores`);
  if (sample?.memoryBytes != null) parts.push(`${Math.round(sample.memoryBytes / 1048576)} MiB`);
  return `  ${parts.join('  ')}`;
}

/**
 * The result of one run in some lines.
 * @param {Record<string, any>} result
 * @param {string} file
 */
export function summary(result, file) {
  const lines = [];
  for (const check of result.verdict.checks) {
    lines.push(`  ${check.passed ? 'ok    ' : 'FAILED'} ${check.name}: ${check.actual}`);
    if (!check.passed) lines.push(`         expected ${check.expected}; ${check.why}`);
  }
  const { success, refusal, accept } = result.latency;
  for (const [name, latency] of Object.entries({ success, refusal, accept })) {
    if (latency != null) {
      lines.push(
        `  ${name.padEnd(8)} p50 ${latency.p50} ms, p95 ${latency.p95} ms, p99 ${latency.p99} ms, ` +
          `max ${latency.max} ms (${number.format(latency.count)})`,
      );
    }
  }
  const disturbed = disturbance(result);
  if (disturbed !== null) lines.push(`  Beside the run ${disturbed}.`);
  if (result.breakingPoint !== null) lines.push(`  ${result.breakingPoint.gaveWay}`);
  lines.push(`  ${result.verdict.passed ? 'PASSED' : 'FAILED'}  ${file}`);
  return lines.join('\n');
}

/**
 * The table at the end of a suite.
 * @param {Record<string, any>[]} results
 */
export function table(results) {
  const rows = [
    ['scenario', 'verdict', 'arrivals', 'sold', 'errors', 'success p99', 'refusal p99', 'seconds'],
    ...results.map((result) => [
      result.scenario,
      result.verdict.passed ? 'passed' : 'FAILED',
      number.format(result.totals.arrivals),
      number.format(result.totals.unitsSold),
      number.format(Object.values(result.totals.errors).reduce((sum, count) => sum + Number(count), 0)),
      result.latency.success === null ? '-' : `${result.latency.success.p99} ms`,
      result.latency.refusal === null ? '-' : `${result.latency.refusal.p99} ms`,
      String(Math.round(result.seconds)),
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  '),
    )
    .join('\n');
}
