// Charts: what is drawn is what was measured.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rowsOf } from './chart.mjs';
import { breakingChart, breakingSentence, chartsOf } from './charts.mjs';
import { breakingPoint, result } from './fixtures.mjs';

/** @param {import('./schema.mjs').Result} of @param {string} id */
function chart(of, id) {
  const found = chartsOf(of).charts.find((each) => each.id === id);
  assert.ok(found, `there is a chart ${id}`);
  return found;
}

/** @param {(number | null)[] | undefined} values */
const total = (values) => (values ?? []).reduce((/** @type {number} */ sum, value) => sum + (value ?? 0), 0);

test('arrivals, successes and refusals are those of the result', () => {
  const run = result({ seed: 3 });
  const [arrivals, successes] = chart(run, 'arrivals').lines;
  assert.equal(total(arrivals?.values), run.totals.arrivals);
  assert.equal(total(successes?.values), run.totals.successes);
  const refusals = chart(run, 'refusals').lines;
  assert.equal(refusals.reduce((sum, line) => sum + total(line.values), 0), total(Object.values(run.totals.refusals)));
});

test('goodput is marked until everything was sold', () => {
  const run = result({ seed: 3 });
  const { level, marks } = chart(run, 'arrivals');
  assert.equal(level?.to, run.totals.soldOutAfterSeconds);
  assert.equal(level?.value, run.totals.goodputUntilSoldOutPerSecond);
  assert.match(level?.label ?? '', /until sold out/);
  assert.ok(marks.some(({ label, at }) => label === 'sold out' && at === run.totals.soldOutAfterSeconds));
});

test('goodput is of successes, with units beside it where they are others', () => {
  const run = result({ seed: 3 });
  assert.doesNotMatch(chart(run, 'arrivals').summary, /units/);
  const totals = { ...run.totals, successes: 200, unitsSold: 400, goodputUntilSoldOutPerSecond: 50, unitsUntilSoldOutPerSecond: 100 };
  const { level, summary } = chart({ ...run, totals }, 'arrivals');
  assert.equal(level?.value, 50);
  assert.match(summary, /200 successes, 400 units sold, goodput 50 a second \(100 units\/s\);/);
  const few = chart({ ...run, totals: { ...totals, goodputUntilSoldOutPerSecond: null } }, 'arrivals');
  assert.equal(few.level, null);
  assert.doesNotMatch(few.summary, /goodput/);
});

test('a fault is a mark in every chart, with the time until it was mended', () => {
  const { charts } = chartsOf(result({ crashAt: 6.5 }));
  assert.ok(charts.length >= 10);
  for (const { id, marks } of charts) {
    const fault = marks.find(({ kind }) => kind === 'fault');
    assert.deepEqual(fault, { at: 6.5, until: 7.12, label: 'kill -9', kind: 'fault' }, id);
  }
});

test('counts of longer steps are shown as rates', () => {
  const run = result();
  run.series = { stepSeconds: 5, arrivals: [50, null, 10], successes: [5, null, null] };
  const { lines, x } = chart(run, 'arrivals');
  assert.deepEqual(x, [0, 5, 10]);
  assert.deepEqual(lines.map(({ values }) => values), [[10, 0, 2], [1, 0, 0]]);
});

test('more reasons than can be told apart are gathered, none is lost', () => {
  const run = result();
  const refusals = Object.fromEntries(Array.from({ length: 12 }, (_, place) => [`reason-${place}`, [place + 1, 1]]));
  run.series = { stepSeconds: 1, refusals };
  const { lines } = chart(run, 'refusals');
  assert.equal(lines.length, 8);
  assert.equal(lines.at(-1)?.label, '5 other reasons');
  assert.equal(lines.reduce((sum, { values }) => sum + total(values), 0), 78 + 12);
});

test('what was not measured, and what never happened, is said instead of drawn', () => {
  const { charts, instead } = chartsOf(result());
  assert.ok(instead.includes('Queue depth: not measured.'));
  assert.ok(instead.includes('Errors and repeated requests: none at all.'));
  assert.ok(!charts.some(({ id }) => id === 'queue' || id === 'errors'));
  assert.equal(chartsOf(result({ change: { series: null, samples: null } })).charts.length, 0);
});

test('the stock of several products is shown together and apart', () => {
  const run = result({ products: 3, stock: 300 });
  assert.equal(chart(run, 'stock').lines.find(({ label }) => label === 'available')?.values[0], 300);
  assert.deepEqual(chart(run, 'stock-products').lines.map(({ values }) => values[0]), [100, 100, 100]);
  const sample = /** @type {any} */ (run.samples?.[4]);
  sample.stock = sample.stock.slice(1);
  assert.equal(chart(run, 'stock').lines.find(({ label }) => label === 'available')?.values[4], null, 'a missing product is no sale');
});

test('latencies of very different size get a logarithmic axis', () => {
  assert.equal(chart(result(), 'refusal-latency').logarithmic, false);
  assert.equal(chart(result({ crashAt: 2 }), 'success-latency').logarithmic, true);
});

test('an hour is gathered to what a picture and a table have room for', () => {
  const run = result({ seconds: 3600, rate: 5, stock: 100000 });
  const long = chart(run, 'arrivals');
  assert.equal(long.x.length, 600);
  assert.equal(long.together, 6);
  const { rows } = rowsOf(long);
  assert.ok(rows.length <= 60);
  assert.ok(Math.abs(total(long.lines[0]?.values) * 6 - run.totals.arrivals) < 1, 'rates keep the total');
  const memory = chart(run, 'memory');
  const peak = Math.max(...(run.samples ?? []).map(({ memoryBytes }) => memoryBytes ?? 0)) / 2 ** 20;
  assert.equal(Math.max(...(memory.lines[0]?.values ?? []).map((value) => value ?? 0)), peak, 'peaks are kept');
});

test('a step in which nothing was timed is a gap', () => {
  const run = result({ stock: 100 });
  const { lines } = chart(run, 'success-latency');
  assert.equal(lines[0]?.values.at(-1), null);
  assert.ok(rowsOf(chart(run, 'success-latency')).rows.length < 5, 'the table leaves empty stretches out');
});

test('the breaking point has a chart and a sentence', () => {
  const point = breakingPoint();
  const drawn = breakingChart({ ...point, steps: [...point.steps].reverse() });
  assert.deepEqual(drawn?.x, [100, 200, 400, 800, 1200, 1600]);
  assert.deepEqual(drawn?.lines.map(({ label }) => label), ['p99', 'p50', 'errors']);
  assert.equal(drawn?.marks[0]?.at, 1600);
  assert.match(breakingSentence(point), /^Gave way at 1,600 arrivals a second: p99 of successes passed 250 ms\. The CPU was full/);
  assert.equal(breakingSentence({ ...point, rate: null, gaveWay: null }), 'Nothing gave way up to 1,600 arrivals a second.');
  assert.equal(breakingChart({ rate: 5, steps: [] }), null);
});

test('where the load generator gave way, chart and sentence say so', () => {
  const point = { ...breakingPoint(), generatorFirst: true };
  assert.equal(breakingChart(point)?.marks[0]?.label, 'load generator gave way at 1,600/s');
  const first = { ...point, gaveWay: 'The load generator gave way first.' };
  assert.equal(breakingSentence(first), 'The load generator gave way first. It was at 1,600 arrivals a second: p99 of successes passed 250 ms.');
  const own = { ...point, steps: point.steps.map((step) => ({ ...step, purchaseP99: 9 })) };
  assert.deepEqual(breakingChart(own)?.lines.map(({ label }) => label), ['p99', 'p50', "p99 by the server's clock", 'errors']);
});

test('a stock without end has an axis of its own, so that what was sold is seen', () => {
  const of = (/** @type {number} */ stock) => chart(result({ seconds: 4, stock, rate: 50 }), 'stock').lines;
  assert.deepEqual(of(1_000_000).map(({ label, right }) => [label, right === true]), [['available (right axis)', true], ['sold', false]]);
  assert.ok(of(100).every(({ right }) => !right));
});

test('latencies of other answers are one chart, by their own names', () => {
  const run = result();
  const others = { sign_inLatency: { p99: [3, 4] }, readLatency: { p50: [1], p99: [9, 8] } };
  run.series = { .../** @type {any} */ (run.series), ...others };
  assert.deepEqual(chart(run, 'other-latency').lines.map(({ label, values }) => [label, values]), [['sign in', [3, 4]], ['reads', [9, 8]]]);
});
