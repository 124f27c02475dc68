// The load of the stand (compose.yaml) is a script of this suite: all that it reads is in its container, and its numbers
// sell out in the middle.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { scenarioOf } from '../scenarios.mjs';
import { LOADTEST } from './install.mjs';
import { sizedLoad } from './load.mjs';

const ROOT = path.dirname(LOADTEST);
const service = /\n {2}load:\n((?: {4}.*\n)+)/.exec(readFileSync(path.join(ROOT, 'compose.yaml'), 'utf8'))?.[1] ?? '';

/** A list of the service, which is written as JSON. @param {string} name @returns {string[]} */
function listOf(name) {
  const line = new RegExp(`^ {4}${name}: (\\[.*\\])$`, 'm').exec(service)?.[1];
  assert.ok(line, `the load has ${name}`);
  return JSON.parse(line);
}

/** Files and folders in the container, and what they are here. */
const mounts = listOf('volumes').map((volume) => {
  const [here = '', there = ''] = volume.split(':');
  return { here: path.join(ROOT, here), there };
});

/** @param {string} file in the container */
function here(file) {
  const mount = mounts.find(({ there }) => file === there || file.startsWith(`${there}/`));
  assert.ok(mount, `${file} is not in the container`);
  const found = mount.here + file.slice(mount.there.length);
  assert.ok(existsSync(found), `${found} is missing`);
  return found;
}

/** Every file that a script of the container imports, itself included. @param {string} file @param {Set<string>} seen */
function importsOf(file, seen = new Set()) {
  if (seen.has(file)) return seen;
  seen.add(file);
  const text = readFileSync(here(file), 'utf8');
  for (const [, name] of text.matchAll(/^(?:(?:import|export) .*?|\} )from "(\.[^"]+)"/gm)) {
    if (name !== undefined) importsOf(path.posix.join(path.posix.dirname(file), name), seen);
  }
  return seen;
}

const command = listOf('command');
const script = command.at(-1) ?? '';

test('the script and all that it imports are in the container', () => {
  const files = importsOf(script);
  assert.ok(files.has('/loadtest/scenarios.mjs') && files.size > 5, [...files].join(' '));
});

test('it sells out in the middle of the run', () => {
  const settings = command.flatMap((word, at) => (word === '--env' ? [command[at + 1]?.split('=') ?? []] : []));
  const { stock, users } = sizedLoad(scenarioOf(path.basename(script, '.js')), Object.fromEntries(settings));
  assert.ok(users !== null && stock > 0.2 * users && stock < 0.8 * users, `${stock} units for ${users} customers`);
});
