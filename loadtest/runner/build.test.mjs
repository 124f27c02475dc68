// A build is known by what it is, and a checkout by its commit.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { buildOf, checkoutOf } from './build.mjs';

let folder = '';
before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'build-'));
});
after(() => rm(folder, { recursive: true }));

test('two programs have two digests', async () => {
  const of = async (/** @type {string} */ text) => {
    await writeFile(path.join(folder, 'program'), text);
    return (await buildOf(path.join(folder, 'program'))).sha256;
  };
  // As sha256sum says it.
  assert.equal(await of('abc'), 'ba7816bf8f01cfea');
  assert.notEqual(await of('abd'), 'ba7816bf8f01cfea');
});

test('a checkout is its commit, and says that it was changed', async () => {
  assert.equal(await checkoutOf(folder), null, 'no repository');
  const git = (/** @type {string[]} */ ...words) => execFileSync('git', ['-C', folder, ...words], { encoding: 'utf8' });
  git('init', '--quiet');
  await writeFile(path.join(folder, 'file'), 'one');
  git('add', 'file');
  git('-c', 'user.name=Test', '-c', 'user.email=test@example.com', 'commit', '--quiet', '--message', 'one');
  const commit = git('rev-parse', '--short=12', 'HEAD').trim();
  assert.equal(await checkoutOf(folder), commit);
  await writeFile(path.join(folder, 'file'), 'two');
  assert.equal(await checkoutOf(folder), `${commit}, changed`);
});
