// Reading GET /metrics.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { growth, quantileBetween, read, sum } from './prometheus.mjs';

const BEFORE = read(`# HELP lastunit_commit_seconds Time
lastunit_commit_seconds_bucket{le="0.001"} 10
lastunit_commit_seconds_bucket{le="0.01"} 10
lastunit_commit_seconds_bucket{le="+Inf"} 10
lastunit_shed_total{budget="listing"} 1
lastunit_shed_total{budget="reading"} 2
lastunit_queue_depth 0
`);
const AFTER = read(`lastunit_commit_seconds_bucket{le="0.001"} 60
lastunit_commit_seconds_bucket{le="0.01"} 110
lastunit_commit_seconds_bucket{le="+Inf"} 110
lastunit_shed_total{budget="listing"} 4
lastunit_shed_total{budget="reading"} 2
`);

test('series of one name are added up, and others are not', () => {
  assert.equal(sum(BEFORE, 'lastunit_shed_total'), 3);
  assert.equal(sum(BEFORE, 'lastunit_queue_depth'), 0);
  assert.equal(sum(BEFORE, 'lastunit_shed'), null);
});

test('growth is known except over a restart', () => {
  assert.equal(growth(BEFORE, AFTER, 'lastunit_shed_total'), 3);
  assert.equal(growth(AFTER, BEFORE, 'lastunit_shed_total'), null);
});

test('a quantile counts only what came between', () => {
  assert.equal(quantileBetween(BEFORE, AFTER, 'lastunit_commit_seconds', 0.5), 0.001);
  assert.ok(Math.abs((quantileBetween(BEFORE, AFTER, 'lastunit_commit_seconds', 0.75) ?? 0) - 0.0055) < 1e-9);
  assert.equal(quantileBetween(AFTER, AFTER, 'lastunit_commit_seconds', 0.99), null);
  assert.equal(quantileBetween(AFTER, BEFORE, 'lastunit_commit_seconds', 0.99), null);
});

test('of a histogram of many routes one is looked at', () => {
  const text = ['a', 'b'].map((route, place) => [
    `wait_bucket{route="${route}",status="201",le="0.1"} ${place === 0 ? 4 : 0}`,
    `wait_bucket{route="${route}",status="201",le="1"} 4`,
    `wait_bucket{route="${route}",status="201",le="+Inf"} 4`,
  ]);
  const after = read(text.flat().join('\n'));
  assert.equal(quantileBetween(new Map(), after, 'wait', 1, ['route="a"', 'status="201"']), 0.1);
  assert.equal(quantileBetween(new Map(), after, 'wait', 1, ['route="b"']), 1);
  assert.equal(quantileBetween(new Map(), after, 'wait', 1, ['route="c"']), null);
});
