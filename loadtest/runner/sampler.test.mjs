// What is made of looks at a server: of its own account of itself where nobody can look at its process.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { pause } from './child.mjs';
import { read } from './prometheus.mjs';
import { Sampler, toldUsage, usedByOthers } from './sampler.mjs';

/** @param {Partial<import('./sampler.mjs').Sample>} change */
function sample(change) {
  const usual = { machineCpu: 0.9, cpu: 0.5, generatorCpu: 0.8, ...change };
  return /** @type {import('./sampler.mjs').Sample} */ (/** @type {unknown} */ (usual));
}

test('others are whoever is on the machine of the generator', () => {
  assert.equal(usedByOthers([sample({})], 2, true), 0.5);
  assert.equal(usedByOthers([sample({ cpu: null }), sample({})], 2, true), 0.5, 'while the server starts again');
  assert.equal(usedByOthers([sample({})], 2, false), 1, 'a server elsewhere uses nothing here');
  assert.equal(usedByOthers([sample({ cpu: null })], 2, true), null);
  assert.equal(usedByOthers([sample({ machineCpu: null })], 2, false), null);
});

test('a process tells of itself in its metrics, or it is not known', () => {
  const text = 'lastunit_process_start_time_seconds 17\nlastunit_process_cpu_seconds_total 2.5\nlastunit_process_resident_bytes 100\n';
  assert.deepEqual(toldUsage(read(text)), { process: 17, usage: { cpuSeconds: 2.5, memoryBytes: 100, openFiles: null } });
  assert.equal(toldUsage(read('lastunit_connections 3\n')), null);
});

test('a server without a process here is sampled by what it tells', async () => {
  let cpu = 10;
  const server = createServer((request, answer) => {
    if (request.url !== '/metrics') {
      answer.statusCode = 404;
      return answer.end();
    }
    cpu += 0.25;
    return answer.end(
      `lastunit_process_start_time_seconds 17\nlastunit_process_cpu_seconds_total ${cpu}\n` +
        'lastunit_process_resident_bytes 1048576\nlastunit_process_open_files 12\n',
    );
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const sampler = new Sampler({
    url: `http://127.0.0.1:${port}`,
    serverPid: () => null,
    generatorPid: () => null,
    token: null,
    search: 'run',
    dataDirectory: null,
  });
  await pause(0.8);
  await sampler.stop();
  server.close();
  server.closeAllConnections();
  const [sample] = sampler.samples;
  assert.deepEqual([sample?.memoryBytes, sample?.openFiles], [1048576, 12]);
  assert.ok((sample?.cpu ?? 0) > 0, `${sample?.cpu} cores`);
});
