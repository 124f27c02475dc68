// Monitor: the server's own numbers, drawn as they come: the last hour from the server, then one sample a second.

import { ask, Refusal } from '../shared/api.js';
import * as clock from '../shared/clock.js';
import { byId, list, make, say, setText, setVisible } from '../shared/dom.js';
import { follow, onLive } from '../shared/live.js';
import { start } from '../shared/page.js';
import { onSession, session } from '../shared/session.js';
import { CHARTS, NUMBERS } from './charts.js';
import { Plot } from './plot.js';

/** @typedef {import('../shared/documents.js').Sample} Sample */
/** @typedef {import('../shared/documents.js').History} History */
/** @typedef {import('../shared/documents.js').Alert} Alert */
/** @typedef {import('../shared/documents.js').Alerts} Alerts */

/** Samples that are kept: those of an hour. */
const SAMPLES_MAX = 3_700;

/** Oldest first. @type {Sample[]} */
let samples = [];
let windowSeconds = 300;
/** @type {Plot[]} */
const plots = CHARTS.map((chart) => new Plot(chart));
/** A picture that nobody sees is not drawn. */
let drawing = false;

async function loadHistory() {
  const asked = windowSeconds;
  const outcome = byId('charts-outcome', HTMLElement);
  try {
    /** @type {History} */
    const history = await ask('GET', `/api/v1/monitoring/history?window=${asked}`);
    if (asked !== windowSeconds) return;
    const last = history.samples.at(-1)?.at ?? '';
    samples = [...history.samples, ...samples.filter((sample) => sample.at > last)];
    say(outcome, 'info', '');
    letIn();
  } catch (error) {
    refused(error);
  }
  draw();
}

function letIn() {
  setVisible(byId('door-panel', HTMLElement), session.mode === 'jwt');
  setText(byId('door', HTMLElement), '');
}

/** @param {unknown} error */
function refused(error) {
  const outcome = byId('charts-outcome', HTMLElement);
  if (error instanceof Refusal && [401, 403].includes(error.status)) {
    setVisible(byId('door-panel', HTMLElement), true);
    setText(byId('door', HTMLElement), 'The numbers are for operators: sign in as one, or use a token.');
  } else {
    say(outcome, 'bad', error instanceof Error ? error.message : String(error));
  }
}

/** @param {Sample | null} sample */
function add(sample) {
  if (!sample || samples.at(-1)?.at === sample.at) return;
  // Another server, or one whose clock was set back: what was drawn is not what it knows.
  if (Date.parse(sample.at) < Date.parse(samples.at(-1)?.at ?? '')) samples = [];
  samples.push(sample);
  if (samples.length > SAMPLES_MAX) samples = samples.slice(-SAMPLES_MAX);
  tabulate(sample);
  draw();
}

function draw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    const to = clock.now() / 1000;
    const from = to - windowSeconds;
    const shown = samples.filter((sample) => Date.parse(sample.at) / 1000 >= from);
    for (const plot of plots) plot.draw(shown, from, to);
    document.body.dataset.drawn = shown.at(-1)?.at ?? '';
  });
}

/** @param {Sample} sample */
function tabulate(sample) {
  list(
    byId('numbers', HTMLTableSectionElement),
    NUMBERS,
    ([name]) => name,
    ([name]) => make('tr', {}, make('th', { scope: 'row' }, name), make('td', { class: 'number' })),
    (row, [, value]) => {
      const cell = row.lastElementChild;
      if (cell) setText(cell, value(sample));
    },
  );
  list(
    byId('stock', HTMLTableSectionElement),
    sample.stock,
    (stock) => `${stock.productId}-${stock.saleId}`,
    (stock) =>
      make(
        'tr',
        {},
        make('th', { scope: 'row' }, `#${stock.productId}`),
        make('td', {}, `#${stock.saleId}`),
        ...['available', 'held', 'sold'].map((name) => make('td', { class: `number ${name}` })),
      ),
    (row, stock) => {
      for (const name of /** @type {const} */ (['available', 'held', 'sold'])) {
        const cell = row.querySelector(`.${name}`);
        if (cell) setText(cell, String(stock[name]));
      }
    },
  );
  setText(byId('stock-none', HTMLElement), 'No sale is running.');
  setVisible(byId('stock-none', HTMLElement), sample.stock.length === 0);
  const limits = sample.limitsEnabled ? 'on' : 'off';
  const up = clock.countdown(sample.uptimeSeconds * 1000);
  setText(byId('about', HTMLElement), `Version ${sample.version}, up for ${up}, limits ${limits}.`);
}

/** @param {Alerts | null} alerts */
function showAlerts(alerts) {
  const none = byId('alerts-none', HTMLElement);
  if (!alerts) return;
  const key = (/** @type {Alert} */ alert) => `${alert.name} ${alert.subject} ${alert.since}`;
  list(byId('alerts', HTMLUListElement), alerts.active, key, alertItem, (item, alert) => {
    const message = item.querySelector('.message');
    if (message) setText(message, sentence(alert.message));
  });
  list(byId('recent', HTMLUListElement), alerts.recent, key, alertItem);
  setText(none, 'Nothing to worry about.');
  setVisible(none, alerts.active.length === 0);
  setVisible(byId('recent-details', HTMLElement), alerts.recent.length > 0);
}

/** @param {string} text */
function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const TONES = { info: '', warning: 'warn', critical: 'bad' };

/** @param {Alert} alert */
function alertItem(alert) {
  const until = alert.until ? ` until ${clock.local(alert.until)}` : '';
  // The sentence mostly says it already.
  const subject = alert.message.includes(alert.subject) ? '' : `${alert.subject}, `;
  return make(
    'li',
    { class: 'alert' },
    make('span', { class: 'tag severity', 'data-tone': TONES[alert.severity] }, alert.severity),
    make('span', { class: 'message' }, sentence(alert.message)),
    make('span', { class: 'quiet' }, `${subject}since ${clock.local(alert.since)}${until}`),
  );
}

void start(() => {
  byId('charts', HTMLElement).append(...plots.map((plot) => plot.element));
  const select = byId('window', HTMLSelectElement);
  select.addEventListener('change', () => {
    windowSeconds = Number(select.value);
    setText(byId('window-words', HTMLElement), select.selectedOptions[0]?.text ?? '');
    void loadHistory();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const plot of plots) plot.recolour();
    draw();
  });
  void loadHistory();
  let wasAway = false;
  onLive((state) => {
    // What came while this page was away is asked for.
    if (state === 'live' && wasAway) void loadHistory();
    wasAway = state !== 'live' && state !== 'connecting';
  });
  onSession(() => void loadHistory());
  follow('metrics', add);
  follow('alerts', showAlerts);
});
