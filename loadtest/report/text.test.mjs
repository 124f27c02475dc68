// Text: nothing gets through escaping, and numbers read well.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOSTILE } from './fixtures.mjs';
import { bytes, counted, duration, escape, html, measured, number, plain, scriptSafeJson } from './text.mjs';

test('values in a template are escaped, markup and lists of it are not', () => {
  const inner = html`<b>${'<i>'}</b>`;
  assert.equal(html`<p title="${'"'}">${[inner, '&']}${null}${false}${0}</p>`.text, '<p title="&quot;"><b>&lt;i&gt;</b>&amp;0</p>');
});

test('escaped text holds no markup, no control character and nothing that turns the writing', () => {
  const escaped = escape(`${HOSTILE}\u202eabc\u0000`);
  assert.doesNotMatch(escaped, /[<>"'\u0000-\u001f\u202e]/);
});

test('JSON in a script cannot end it, and reads back as it was', () => {
  const value = { name: HOSTILE, more: '<!-- \u2028', part: 0.1 };
  const text = scriptSafeJson(value);
  assert.doesNotMatch(text, /[<>\u2028]/);
  assert.deepEqual(JSON.parse(text), value);
  assert.equal(scriptSafeJson([1234.56789, 12345678]), '[1234.57,12345700]');
});

test('a terminal gets no control characters', () => {
  assert.equal(plain('a\u001b[31mb\nc\u202ed\u009be'), 'a [31mb c d e');
});

test('numbers show three digits that count, and a dash where nothing was measured', () => {
  const shown = [null, 0, -0, 5, 1234567, 1234.5, 12.34, 1.234, 0.01234, -0.00004].map((value) => number(value));
  assert.deepEqual(shown, ['–', '0', '0', '5', '1,234,567', '1,235', '12.3', '1.23', '0.012', '-0.00004']);
  assert.equal(measured(undefined, 'ms'), '–');
  assert.equal(measured(3, 'ms'), '3 ms');
  assert.equal(measured(3, '/s'), '3/s');
  assert.equal(counted(1, 'check'), '1 check');
  assert.equal(counted(2, 'success', 'successes'), '2 successes');
  assert.deepEqual([12.3, 119.7, 120, 3725].map(duration), ['12 s', '120 s', '2 min', '62 min 5 s']);
  assert.deepEqual([512, 8 * 2 ** 30, 1536].map(bytes), ['512 B', '8 GiB', '1.5 KiB']);
});
