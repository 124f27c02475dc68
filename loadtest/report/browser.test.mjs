// Browser: the pages opened from the disk in a real Chromium, on a desktop and a phone, in light and dark. They ask for
// nothing, draw everything, complain of nothing, shut nobody out, and nothing sticks out of them.
//
// Needs `npm ci` in tests/browser and Chromium (LASTUNIT_CHROMIUM names another one); without, it is skipped and says so.
// LASTUNIT_SCREENSHOTS names a folder for pictures of all pages.

import assert from 'node:assert/strict';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env, getuid } from 'node:process';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { main } from './compare.mjs';
import { breakingPoint, hostile, result, writeResult, writeSuite } from './fixtures.mjs';
import { writeRunReport } from './run.mjs';
import { writeSuiteReport } from './suite.mjs';

const CHROMIUM = env.LASTUNIT_CHROMIUM ?? '/usr/bin/chromium';
const PATIENCE_MS = 60_000;
const VIEWPORTS = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };
const tools = createRequire(new URL('../../tests/browser/package.json', import.meta.url));

/** Why there is no browser, or false. */
async function missing() {
  try {
    tools.resolve('playwright-core');
  } catch {
    return 'npm ci in tests/browser installs the browser driver';
  }
  return access(CHROMIUM).then(() => /** @type {const} */ (false), () => `there is no ${CHROMIUM}`);
}

const skip = await missing();
/** @type {any} */
let browser;
let axe = '';
let folder = '';
/** Files by name. @type {Record<string, string>} */
const pages = {};

before(async () => {
  if (skip) return;
  folder = await mkdtemp(join(tmpdir(), 'report-browser-'));
  const runs = {
    passed: result({ seed: 1 }),
    crash: result({ seed: 2, crashAt: 5.3, products: 3, seconds: 40, stock: 900 }),
    single: result({ seed: 3, stock: 1, seconds: 8 }),
    failed: result({ seed: 4, change: { limiter: true, breakingPoint: breakingPoint(), verdict: { passed: false, checks: [{ name: 'exactly the stock was sold', passed: false }] } } }),
    hostile: hostile(),
    long: result({ seed: 5, seconds: 3600, rate: 20, stock: 40_000, products: 10 }),
  };
  for (const [name, run] of Object.entries(runs)) pages[name] = await writeRunReport(await writeResult(folder, name, run));
  pages.suite = await writeSuiteReport(await writeSuite(folder, [...Object.keys(runs), 'absent'], true));
  await writeResult(folder, 'slower', result({ seed: 6, slower: 1.5 }));
  pages.comparison = join(folder, 'comparison.html');
  await main([join(folder, 'passed'), join(folder, 'slower'), '--html', pages.comparison]);
  axe = await readFile(tools.resolve('axe-core/axe.min.js'), 'utf8');
  browser = await tools('playwright-core').chromium.launch({ executablePath: CHROMIUM, chromiumSandbox: getuid?.() !== 0, timeout: PATIENCE_MS });
});
after(async () => {
  await browser?.close();
  if (folder) await rm(folder, { recursive: true });
});

/**
 * Opens a page; whatever it complains of or asks for is in the list.
 * @param {string} name
 * @param {object} options
 */
async function opened(name, options) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const url = pathToFileURL(pages[name] ?? '').href;
  /** @type {string[]} */
  const complaints = [];
  page.on('pageerror', (/** @type {Error} */ error) => complaints.push(error.message));
  page.on('console', (/** @type {any} */ message) => complaints.push(message.text()));
  page.on('request', (/** @type {any} */ request) => {
    if (request.url() !== url && !request.url().startsWith('data:')) complaints.push(`asked for ${request.url()}`);
  });
  await page.goto(url);
  const charts = await page.locator('.plot').count();
  if (charts > 0) await page.locator(`body[data-drawn="${charts}"]`).waitFor();
  return { page, charts, complaints };
}

for (const name of ['passed', 'crash', 'single', 'failed', 'hostile', 'long', 'suite', 'comparison']) {
  test(`the page "${name}" is whole on every screen`, { skip }, async () => {
    for (const [size, viewport] of Object.entries(VIEWPORTS)) {
      for (const colorScheme of ['light', 'dark']) {
        const { page, charts, complaints } = await opened(name, { viewport, colorScheme });
        const where = `${name}, ${size}, ${colorScheme}`;
        assert.equal(await page.locator('.plot canvas').count(), charts, where);
        assert.notEqual(await page.title(), 'taken', where);
        assert.equal(await page.locator('main img, main script').count(), 0, where);
        const [content, window] = await page.evaluate('[document.documentElement.scrollWidth, document.documentElement.clientWidth]');
        assert.ok(content <= window, `${where} is ${content} wide in a window of ${window}`);
        if (env.LASTUNIT_SCREENSHOTS) await page.screenshot({ path: join(env.LASTUNIT_SCREENSHOTS, `report-${name}-${size}-${colorScheme}.png`), fullPage: true });
        assert.deepEqual(complaints, [], where);
        // The policy of the page lets nothing in, so the rules come by the debugger.
        await page.evaluate(`${axe}; undefined`);
        const { violations } = await page.evaluate('axe.run(document, { resultTypes: ["violations"] })');
        assert.deepEqual(violations.map((/** @type {any} */ { id, nodes }) => `${id}: ${nodes[0].html}`), [], where);
        await page.context().close();
      }
    }
  });
}

test('the keyboard alone moves all charts and opens their tables', { skip }, async () => {
  const { page } = await opened('crash', { viewport: VIEWPORTS.desktop });
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.locator('#main:focus').waitFor();
  await page.locator('#moment').focus();
  for (let press = 0; press < 3; press += 1) await page.keyboard.press('ArrowRight');
  assert.equal(await page.locator('#moment').getAttribute('aria-valuetext'), '3 seconds since the start');
  const arrivals = JSON.parse(await readFile(join(folder, 'crash', 'result.json'), 'utf8')).series.arrivals;
  const legend = page.locator('#plot-arrivals .u-series', { hasText: 'arrivals' }).locator('.u-value');
  assert.equal(await legend.textContent(), String(arrivals[3]));
  await page.locator('#chart-arrivals summary').focus();
  await page.keyboard.press('Enter');
  const cell = page.locator('#chart-arrivals details tbody tr').nth(3).locator('td').first();
  assert.equal(await cell.textContent(), String(arrivals[3]));
  await page.context().close();
});

test('without scripts the sentences and tables say the same', { skip }, async () => {
  const { page } = await opened('suite', { javaScriptEnabled: false });
  assert.equal(await page.locator('tbody tr').count(), 7);
  await page.goto(pathToFileURL(pages.passed ?? '').href);
  assert.match(await page.locator('noscript').first().textContent(), /Pictures need scripts/);
  assert.ok((await page.locator('#chart-arrivals details tbody tr').count()) > 10);
  await page.context().close();
});
