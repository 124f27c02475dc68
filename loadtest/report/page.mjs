// Page: one HTML file that needs nothing but itself. Its policy lets no request leave it, and no script run but ours.

import { createHash } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { rowsOf } from './chart.mjs';
import { InputError } from './result.mjs';
import { counted, html, Markup, number, plain, scriptSafeJson } from './text.mjs';

/** @typedef {import('./chart.mjs').Chart} Chart */

const VENDOR = new URL('../../web/vendor/', import.meta.url);
const EXPORT = 'export { uPlot as default };';

/** @param {string | URL} file */
const local = (file) => readFile(new URL(file, import.meta.url), 'utf8');

/** @param {string} text */
const hashed = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/**
 * The whole document.
 * @param {{ title: string, body: Markup, charts?: Chart[] }} parts
 */
export async function page({ title, body, charts = [] }) {
  const drawing = charts.length > 0 ? await chartParts() : null;
  const style = (drawing?.style ?? '') + (await local('page.css'));
  const script = drawing?.script ?? '';
  const policy = [
    "default-src 'none'",
    `style-src ${hashed(style)}`,
    `script-src ${script ? hashed(script) : "'none'"}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const scripts = drawing
    ? html`<script type="application/json" id="data">${new Markup(scriptSafeJson(charts))}</script>
<script type="module">${new Markup(script)}</script>`
    : null;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${new Markup(style)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the report</a>
<main id="main" tabindex="-1">
${body}
</main>
${scripts}
</body>
</html>
`.text;
}

/** uPlot with its licence, and our drawing, as one script. */
async function chartParts() {
  const [library, licence, style, drawing] = await Promise.all([
    local(new URL('uPlot.esm.js', VENDOR)),
    local(new URL('uPlot.LICENSE.txt', VENDOR)),
    local(new URL('uPlot.min.css', VENDOR)),
    local('draw.js'),
  ]);
  if (!library.includes(EXPORT)) throw new Error(`web/vendor/uPlot.esm.js does not end with "${EXPORT}": adapt loadtest/report/page.mjs.`);
  // The library keeps its names to itself, which ours must not meet.
  const script = `/*!\n${licence.trim()}\n*/\nconst uPlot = (() => {\n${library.replace(EXPORT, 'return uPlot;')}\n})();\n${drawing}`;
  if (/<\/script|<!--/i.test(script)) throw new Error('The drawing script holds what would end its element: adapt loadtest/report/page.mjs.');
  return { script, style };
}

/**
 * Writes a file whole or not at all, so that nobody opens half a report.
 * @param {string} file
 * @param {string} text
 */
export async function write(file, text) {
  const unfinished = `${file}.${process.pid}.part`;
  try {
    await writeFile(unfinished, text);
    await rename(unfinished, file);
  } catch (error) {
    throw new InputError(`${plain(file)} cannot be written (${/** @type {any} */ (error).code}): check the folder, its permissions and the disk.`);
  }
}

/**
 * A chart's place, and what it says in words and numbers.
 * @param {Chart} chart
 */
export function chartFigure(chart) {
  const unit = html` <span class="quiet">${chart.unit}${chart.logarithmic && ', logarithmic'}</span>`;
  const faults = chart.marks.filter(({ kind }) => kind === 'fault').map(({ at, label }) => `${label} (at ${number(at)})`);
  const label = `Chart: ${chart.title}. Its summary and a table of its numbers follow.`;
  return html`<figure class="panel chart" id="chart-${chart.id}">
<h3>${chart.title}${unit}</h3>
<div class="plot" id="plot-${chart.id}" role="img" aria-label="${label}"></div>
<figcaption class="quiet">${chart.summary}${faults.length > 0 && html` <span class="unseen">Marked: ${faults.join('; ')}.</span>`}</figcaption>
${chartTable(chart)}
</figure>`;
}

/** @param {Chart} chart */
function chartTable(chart) {
  const { each, rows } = rowsOf(chart);
  const time = chart.along.startsWith('seconds');
  const values = each * chart.together;
  const gathering = values > 1 ? `One row for ${counted(values, 'value')}: means of counts, the highest of everything else, the last of stock.` : '';
  const heads = chart.lines.map((line) => html`<th scope="col" class="number">${line.label}</th>`);
  const body = rows.map(({ from, to, values: shown }) => {
    const at = each > 1 && from !== to ? `${number(from)} to ${number(to)}` : number(from);
    return html`<tr><th scope="row">${at}${time ? ' s' : '/s'}</th>${shown.map((value) => html`<td class="number">${number(value)}</td>`)}</tr>`;
  });
  return html`<details><summary>Numbers of this chart as a table<span class="unseen">: ${chart.title}</span></summary>
<div class="scroll" tabindex="0" role="region" aria-label="Table: ${chart.title}"><table>
<caption>${chart.title}${chart.unit && `, ${chart.unit}`}; ${chart.along}. ${gathering}</caption>
<thead><tr><th scope="col">${time ? 'At' : 'Rate'}</th>${heads}</tr></thead>
<tbody>${body}</tbody>
</table></div></details>`;
}

/**
 * All charts in a grid, with the slider that moves them together.
 * @param {Chart[]} charts
 * @param {string[]} instead sentences about those that have nothing to show
 */
export function chartSection(charts, instead) {
  const end = Math.max(0, ...charts.map((chart) => chart.end));
  const slider = html`<p class="moment panel"><label for="moment">All charts at</label>
<input type="range" id="moment" min="0" max="${Math.ceil(end)}" step="1" value="0" aria-valuetext="0 seconds since the start"><output id="moment-words" for="moment">0 s</output></p>`;
  return html`<section aria-labelledby="charts-title"><h2 id="charts-title">Charts</h2>
<noscript><p class="quiet">Pictures need scripts; the sentences and tables below say the same.</p></noscript>
${charts.length > 0 ? slider : null}
<div class="charts">${charts.map(chartFigure)}</div>
${instead.length > 0 && html`<p class="quiet">${instead.join(' ')}</p>`}
</section>`;
}

/** What a cell without a value shows; a card leaves it out. */
const NOTHING = number(null);

/**
 * A table that becomes cards on a phone; roles keep it a table for screen readers there.
 * @param {{ label: string, heads: { text: string, number?: boolean }[], rows: { tone?: string | null, cells: unknown[] }[], compact?: boolean }} table compact: two values a line of a card
 */
export function cards({ label, heads, rows, compact }) {
  const shown = heads.map(({ text, number: right }) => html`<th role="columnheader" scope="col" class="${right ? 'number' : ''}">${text}</th>`);
  const body = rows.map(({ tone, cells }) => {
    const [first, ...rest] = cells;
    const others = rest.map((cell, place) => {
      const head = heads[place + 1];
      const kinds = [head?.number && 'number', cell === NOTHING && 'nothing'].filter(Boolean).join(' ');
      return html`<td role="cell" class="${kinds}" data-label="${head?.text ?? ''}"><span>${cell}</span></td>`;
    });
    return html`<tr role="row" data-tone="${tone ?? ''}"><th role="rowheader" scope="row" class="${heads[0]?.number ? 'number' : ''}">${first}</th>${others}</tr>`;
  });
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${label}"><table class="cards${compact && ' compact'}" role="table">
<thead role="rowgroup"><tr role="row">${shown}</tr></thead><tbody role="rowgroup">${body}</tbody>
</table></div>`;
}
