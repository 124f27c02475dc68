// What a run leaves behind when it is interrupted: nothing of its own folders.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { endFolder, temporaryFolder } from './temporary.mjs';

const here = (/** @type {string} */ name) => JSON.stringify(new URL(name, import.meta.url).href);

test('a generator that is interrupted leaves no pipe', async () => {
  const place = await mkdtemp(path.join(os.tmpdir(), 'interrupted-'));
  const program = `
    import { startGenerator } from ${here('generator.mjs')};
    import { Points } from ${here('points.mjs')};
    import { temporaryFolder } from ${here('temporary.mjs')};
    import { readdirSync } from 'node:fs';
    const scratch = await temporaryFolder('generator-');
    const load = { scenario: 'x', directory: process.env.TMPDIR, scratch, environment: {}, points: new Points() };
    await startGenerator(load, 'sleep', ['60'], {}, [0]);
    console.log(readdirSync(scratch).join(' '));`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    env: { ...process.env, TMPDIR: place },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said = await new Promise((resolve) => child.stdout.once('data', (text) => resolve(String(text))));
  assert.equal(said, 'points.pipe\n', 'it was at work');
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGINT');
  assert.equal(await ended, 2);
  assert.deepEqual(await readdir(place), ['load.log']);
  await rm(place, { recursive: true });
});

test('a folder is deleted at its end, or kept', async () => {
  const [kept, gone] = [await temporaryFolder('kept-'), await temporaryFolder('gone-')];
  await endFolder(kept, true);
  await endFolder(gone, false);
  assert.ok(existsSync(kept) && !existsSync(gone));
  await rm(kept, { recursive: true });
});
