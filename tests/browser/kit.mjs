// Kit: a real Chromium that looks at a real server, and complains of everything a page must not do.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { argv, env, exit, getuid, stdout } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium } from 'playwright-core';

/** @typedef {import('playwright-core').Browser} Browser */
/** @typedef {import('playwright-core').BrowserContextOptions} Options */
/** @typedef {import('playwright-core').Page} Page */
/** @typedef {import('playwright-core').Locator} Locator */

/** Where the server is. */
export const BASE = env.LASTUNIT_BASE ?? '';
/** Where screenshots go. */
export const SCREENSHOTS = env.LASTUNIT_SCREENSHOTS ?? '';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** How long anything may take on a machine that has much else to do; nothing is asserted about times. */
const PATIENCE_MS = 90_000;

export const DESKTOP = { width: 1280, height: 900 };
export const PHONE = { width: 390, height: 844 };
export const NARROW = { width: 360, height: 740 };

/**
 * Runs what a test does with a browser; the process ends with 1 when it fails.
 * @param {(shop: Shop) => Promise<void>} steps
 */
export async function scenario(steps) {
  const executablePath = env.LASTUNIT_CHROMIUM ?? '/usr/bin/chromium';
  // Chromium's sandbox does not work for root.
  const browser = await chromium.launch({ executablePath, chromiumSandbox: getuid?.() !== 0, timeout: PATIENCE_MS });
  const shop = new Shop(browser);
  try {
    await steps(shop);
    shop.assertClean();
  } catch (error) {
    console.error(error);
    for (const complaint of shop.complaints) console.error(`the page: ${complaint}`);
    await shop.picture(`failed-${basename(argv[1] ?? '', '.mjs')}`);
    exit(1);
  }
  await browser.close();
}

/** The browser, the windows in it, and what went wrong in them. */
export class Shop {
  /** @type {string[]} */
  complaints = [];
  /** @type {Page[]} */
  pages = [];
  /** What the browser may report, because the test means it to happen. @type {RegExp[]} */
  expected = [];

  /** @param {Browser} browser */
  constructor(browser) {
    this.browser = browser;
  }

  /**
   * A window of somebody of their own.
   * @param {string} path
   * @param {Options} [options]
   * @param {() => void} [before] runs in the window before the page does
   * @returns {Promise<Page>}
   */
  async open(path, options = {}, before) {
    const context = await this.browser.newContext({ viewport: DESKTOP, locale: 'en-US', ...options });
    // Violations are also written to the console, but not all of them.
    await context.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) => {
        console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    context.setDefaultTimeout(PATIENCE_MS);
    if (before) await context.addInitScript(before);
    const page = await context.newPage();
    this.pages.push(page);
    const complain = (/** @type {string} */ text) => {
      if (!this.expected.some((expected) => expected.test(text))) this.complaints.push(text);
    };
    page.on('pageerror', (error) => complain(`error: ${error.stack ?? error.message}`));
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) {
        complain(`${message.type()}: ${message.text()} (${message.location().url})`);
      }
    });
    page.on('requestfailed', (request) => {
      complain(`failed: ${request.url()} ${request.failure()?.errorText ?? ''}`);
    });
    await page.goto(BASE + path);
    if (!path.startsWith('/docs')) await live(page);
    return page;
  }

  assertClean() {
    if (this.complaints.length > 0) throw new Error('a page has complained');
  }

  /** @param {string} name */
  async picture(name) {
    for (const [place, page] of this.pages.entries()) {
      const path = `${SCREENSHOTS}/${name}-${place}.png`;
      await page.screenshot({ path, fullPage: true }).catch(() => {});
    }
  }
}

/**
 * The page is connected.
 * @param {Page} page
 */
export async function live(page) {
  await page.locator('#live[data-state="live"]').waitFor();
}

/**
 * Some element says this, now or later.
 * @param {Locator} place
 * @param {string | RegExp} text
 */
export async function says(place, text) {
  await place.filter({ hasText: text }).first().waitFor();
}

/**
 * A product's card in the store.
 * @param {Page} page
 * @param {number} product
 */
export function card(page, product) {
  return page.locator(`.card[data-product="${product}"]`);
}

/**
 * Asks the server directly.
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
export async function api(method, path, body) {
  const headers = { 'Content-Type': 'application/json' };
  const response = await fetch(BASE + path, { method, headers, body: JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

/**
 * Creates a product that is listed, and gives its id.
 * @param {string} name
 * @param {number} stock
 * @param {Record<string, unknown>} [more]
 * @returns {Promise<number>}
 */
export async function product(name, stock, more = {}) {
  const price = { amount: 1999, currency: 'USD' };
  const { productId } = await api('POST', '/api/v1/products', { name, price, stock, ...more });
  await listed('products', productId);
  return productId;
}

/**
 * Lists follow the journal a moment later: waits until this is in one.
 * @param {'products' | 'sales'} list
 * @param {number} id
 */
export async function listed(list, id) {
  for (;;) {
    const { data } = await api('GET', `/api/v1/${list}?limit=100`);
    const ids = data.map((/** @type {Record<string, number>} */ each) => each[`${list.slice(0, -1)}Id`]);
    if (ids.includes(id)) return;
    // The tables rest while the server is busy.
    await sleep(100);
  }
}

/**
 * Clicks what asks first.
 * @param {Locator} button
 */
export async function sure(button) {
  await button.click();
  await says(button, 'Click again');
  await button.click();
}

/** @param {boolean} holds @param {string} words */
export function assert(holds, words) {
  if (!holds) throw new Error(words);
}

/**
 * Asks the test that started this to do something, such as stopping the server.
 * @param {string} word
 */
export function tell(word) {
  stdout.write(`${word}\n`);
}

/**
 * Nobody is shut out: axe-core finds nothing that is serious or critical.
 * @param {Page} page
 * @param {string} name
 */
export async function accessible(page, name) {
  await page.evaluate(`${axe}; undefined`);
  /** @type {{ violations: { id: string, impact: string, help: string, nodes: { html: string, failureSummary: string }[] }[] }} */
  const result = await page.evaluate('axe.run(document, { resultTypes: ["violations"] })');
  const bad = result.violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
  const words = bad.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id}: ${help}\n  ${node.html}\n  ${node.failureSummary}`),
  );
  assert(bad.length === 0, `${name} shuts people out:\n${words.join('\n')}`);
}

/**
 * Nothing sticks out to the side, which would be cut off on a phone.
 * @param {Page} page
 * @param {string} name
 */
export async function fits(page, name) {
  const [content, window] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  assert((content ?? 0) <= (window ?? 0), `${name} is ${content} wide in a window of ${window}`);
}
