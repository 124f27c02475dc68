// A server that somebody else runs has to be lastunit.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { CannotRun } from './failure.mjs';
import { visitSite } from './site.mjs';

/**
 * Visits a server whose health page is this.
 * @param {string} page
 */
async function visited(page) {
  const server = createServer((_, answer) => answer.end(page));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  try {
    return await visitSite(`http://127.0.0.1:${port}`);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

test('version and limits are those of the health page', async () => {
  const { description } = await visited('{"status":"ok","version":"1.2.3","limits":"on"}');
  assert.deepEqual(description, {
    version: 'lastunit 1.2.3',
    binary: 'target',
    configuration: { 'limits.enabled': true },
  });
  assert.deepEqual((await visited('{"version":"1","limits":"off"}')).description.configuration, {
    'limits.enabled': false,
  });
});

test('whatever else answers is refused in one sentence', async () => {
  const pages = ['{"status":"ok"}', '{"version":"1"}', '{"version":"1","limits":false}', 'null', '[]', '"up"', 'fine'];
  for (const page of pages) {
    await assert.rejects(visited(page), (error) => error instanceof CannotRun && /lastunit/.test(error.message), page);
  }
});
