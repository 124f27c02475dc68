// What is made of the generator's points.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Points, latencyOf, readCsv } from './points.mjs';

/** @param {string[]} lines */
async function* each(lines) {
  yield* lines;
}

test('points are read by the names of their columns', async () => {
  const points = new Points();
  await readCsv(
    points,
    each([
      'metric_name,timestamp,metric_value,name,scenario,status,extra_tags,metadata',
      'http_reqs,1000000000,1.000000,prepare,,201,,',
      'arrivals,2000000000,1.000000,,x,,product=1&units=2,',
      'http_reqs,2000100000,1.000000,purchase,x,201,,',
      'successes,2000200000,1.000000,,x,,units=2,',
      'success_latency,2000200000,12.500000,,x,,,',
      'refusals,2001500000,1.000000,"a, b",x,,code=sold-out&product=1,',
      'vus,2001500000,5.000000,,,,,',
      'errors,2002000000,1.000000,,x,,kind=no-answer,',
      'accept_latency,2001999000,3.000000,,x,,,',
    ]),
  );
  assert.equal(points.requests, 1, 'the preparation is no load');
  assert.deepEqual(points.totals(true), {
    arrivals: 1,
    successes: 1,
    unitsSold: 2,
    refusals: { 'sold-out': 1 },
    errors: { 'no-answer': 1 },
    repeats: 0,
    requests: 1,
    goodputUntilSoldOutPerSecond: null,
    unitsUntilSoldOutPerSecond: null,
    soldOutAfterSeconds: 0.2,
  });
  assert.deepEqual([...points.wanted], [[1, 2]]);
  assert.deepEqual(points.refused.get(1), { 'sold-out': 1 });
  const series = points.series();
  assert.deepEqual(series.arrivals, [1, null, null]);
  assert.deepEqual(series.refusals, { 'sold-out': [null, 1, null] });
  assert.deepEqual(series.errors, [null, null, 1]);
  assert.equal(points.latency().success?.p99, 12.5);
  assert.equal(points.latency().refusal, null);
  assert.equal(points.latency().accept?.count, 1);
});

test('goodput counts successes, and units beside them', () => {
  const points = new Points();
  points.add('arrivals', 0, 1, {});
  points.add('successes', 500, 200, { units: '3' });
  points.add('arrivals', 4000, 1, {});
  const [until, whole] = [points.totals(true), points.totals(false)];
  assert.deepEqual([until.goodputUntilSoldOutPerSecond, until.unitsUntilSoldOutPerSecond], [400, 1200]);
  assert.equal(until.soldOutAfterSeconds, 0.5);
  assert.deepEqual([whole.goodputUntilSoldOutPerSecond, whole.unitsUntilSoldOutPerSecond], [50, 150]);
  assert.equal(whole.soldOutAfterSeconds, null, 'what is not sold out has its goodput over the whole time');
});

test('a rate needs a hundred sales', () => {
  const of = (/** @type {number} */ sales) => {
    const points = new Points();
    points.add('arrivals', 0, 1, {});
    points.add('successes', 1000, sales, {});
    return points.totals(true).goodputUntilSoldOutPerSecond;
  };
  assert.deepEqual([of(0), of(99), of(100)], [null, null, 100]);
});

test('percentiles are measured values', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.deepEqual(latencyOf(hundred), { count: 100, mean: 50.5, p50: 50, p90: 90, p95: 95, p99: 99, max: 100 });
  assert.deepEqual(latencyOf([7]), { count: 1, mean: 7, p50: 7, p90: 7, p95: 7, p99: 7, max: 7 });
  assert.equal(latencyOf([]), null);
});
