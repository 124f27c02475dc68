// Plot: one chart on the page, drawn by uPlot, in the colours of the style sheet.

import uPlot from '../vendor/uPlot.esm.js';
import { make, setText, setVisible } from '../shared/dom.js';
import { number } from './charts.js';

/** @typedef {import('./charts.js').Chart} Chart */
/** @typedef {import('./charts.js').Series} Series */
/** @typedef {import('../shared/documents.js').Sample} Sample */

const HEIGHT = 200;
/** Where only whole numbers make sense, so do the lines behind them. */
const WHOLE = Array.from({ length: 10 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();
/** Samples further apart than this many seconds have a gap between them: the server was away. */
const GAP_SECONDS = 30;

export class Plot {
  /** @type {uPlot | null} */
  #plot = null;
  #labels = '';

  /** @param {Chart} chart */
  constructor(chart) {
    this.chart = chart;
    const unit = chart.unit ? make('span', { class: 'quiet' }, ` ${chart.unit}`) : null;
    const label = `${chart.title}: a chart; its numbers are in the table below`;
    this.place = make('div', { class: 'plot', role: 'img', 'aria-label': label });
    this.none = make('p', { class: 'quiet none' }, 'no numbers yet');
    const title = make('h3', {}, chart.title, unit);
    this.element = make('div', { class: 'chart', id: `chart-${chart.id}` }, title, this.place, this.none);
    new ResizeObserver(() => {
      const width = this.place.clientWidth;
      if (this.#plot && width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT });
    }).observe(this.place);
  }

  /**
   * @param {Sample[]} samples oldest first
   * @param {number} from seconds
   * @param {number} to
   */
  draw(samples, from, to) {
    const series = this.chart.series ?? this.chart.found?.(samples) ?? [];
    const known = samples.length > 0 && series.length > 0;
    setVisible(this.none, !known);
    setText(this.none, samples.length > 0 ? 'nothing to show' : 'no numbers yet');
    setVisible(this.place, known);
    if (!known) return;
    const labels = series.map(({ label }) => label).join('\n');
    if (!this.#plot || labels !== this.#labels) this.#make(series, labels);
    const data = columns(samples, series);
    this.#plot?.setData(data, false);
    this.#plot?.setScale('x', { min: from, max: to });
    // While nobody points at a moment the legend says the newest.
    const pointed = typeof this.#plot?.cursor.idx === 'number';
    if (!pointed) this.#plot?.setLegend({ idx: data[0].length - 1 });
  }

  /** Forgets the picture, which has colours of its own; the next one has those of now. */
  recolour() {
    this.#plot?.destroy();
    this.#plot = null;
  }

  /**
   * @param {Series[]} series
   * @param {string} labels
   */
  #make(series, labels) {
    this.#plot?.destroy();
    this.#labels = labels;
    const style = getComputedStyle(document.documentElement);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
    const digits = this.chart.digits ?? 0;
    const value = (/** @type {uPlot} */ _plot, /** @type {number | null} */ shown) => number(shown, digits);
    const thin = { stroke: colour('line'), width: 1 };
    const axis = { stroke: colour('quiet'), grid: thin, ticks: thin };
    /** @type {uPlot.Options} */
    const options = {
      width: Math.max(200, this.place.clientWidth),
      height: HEIGHT,
      cursor: { drag: { x: false, y: false } },
      // Times are said by the axis; the legend names the lines and their newest values.
      legend: { live: true },
      scales: { y: { range: (_plot, _low, high) => [0, Math.max(high * 1.1, 1)] } },
      axes: [
        { ...axis, space: 64, size: 32, values: (_plot, times) => times.map((time) => clockTime(time)) },
        {
          ...axis,
          size: 56,
          incrs: digits === 0 ? WHOLE : undefined,
          values: (_plot, values) => values.map((each) => number(each, each % 1 === 0 ? 0 : 2)),
        },
      ],
      series: [
        { label: 'Time', value: (_plot, seconds) => (seconds === null ? '' : clockTime(seconds, true)) },
        ...series.map(({ label }, place) => ({
          label,
          value,
          stroke: colour(`series-${(place % 8) + 1}`),
          width: 2,
          // A second colour alone tells nobody who does not see it.
          dash: place % 2 === 1 ? [6, 4] : undefined,
          points: { show: false },
        })),
      ],
    };
    this.#plot = new uPlot(options, [[], ...series.map(() => [])], this.place);
  }
}

/**
 * @param {number} time seconds since 1970
 * @param {boolean} [exact] with seconds
 */
function clockTime(time, exact) {
  const second = exact ? '2-digit' : undefined;
  const options = /** @type {const} */ ({ hour: '2-digit', minute: '2-digit', second, hourCycle: 'h23' });
  return new Date(time * 1000).toLocaleTimeString(undefined, options);
}

/**
 * Columns as uPlot wants them: times, and one for each line.
 * @param {Sample[]} samples
 * @param {Series[]} series
 * @returns {uPlot.AlignedData}
 */
function columns(samples, series) {
  /** @type {number[]} */
  const times = [];
  /** @type {(number | null)[][]} */
  const lines = series.map(() => []);
  for (const sample of samples) {
    const time = Date.parse(sample.at) / 1000;
    const before = times.at(-1);
    if (before !== undefined && time - before > GAP_SECONDS) {
      times.push(before + 1);
      for (const line of lines) line.push(null);
    }
    times.push(time);
    series.forEach(({ value }, place) => lines[place]?.push(value(sample)));
  }
  return [times, ...lines];
}
