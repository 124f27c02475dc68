// Draw: runs in the page, inside the report. Draws every chart of the embedded data with uPlot, which stands before it
// in the same script, and moves all of them to one moment together.

/* global uPlot */

const HEIGHT = 220;
const LABEL_ROWS = 3;
/** From this many faults on their numbers stand at the marks, and their words in the list above. */
const MANY_FAULTS = 4;
const LABEL_MAX = 26;
const LABEL_HEIGHT = 14;
const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3]];
const charts = JSON.parse(document.getElementById('data').textContent);
const dark = matchMedia('(prefers-color-scheme: dark)');
let plots = [];

/** A number as the tables say it. */
function shown(value) {
  if (value === null || value === undefined) return '–';
  const size = Math.abs(value);
  if (size > 0 && size < 0.1) return value.toLocaleString('en-US', { maximumSignificantDigits: 2 });
  const digits = Number.isInteger(value) || size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return (value + 0).toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits });
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(`--${name}`).trim();
}

/** A number at an axis: no noughts behind the point. */
function ticked(value) {
  const notation = Math.abs(value ?? 0) >= 100_000 ? 'compact' : 'standard';
  return value === null ? '' : value.toLocaleString('en-US', { maximumSignificantDigits: 4, notation });
}

/** What is drawn: a stack draws sums, the highest first, each covering what is above the next. */
function drawn(chart) {
  if (chart.form !== 'stack') return chart.lines.map((line, place) => ({ line, place, values: line.values }));
  const below = chart.x.map(() => 0);
  const layers = chart.lines.map((line, place) => {
    const values = chart.x.map((_, step) => (below[step] += line.values[step] ?? 0));
    return { line, place, values };
  });
  return layers.reverse();
}

/** Columns for uPlot; steps get an end to their last one. */
function columns(chart, layers) {
  const steps = chart.form !== 'line' && chart.x.length > 0;
  const width = chart.x.length > 1 ? chart.x[1] - chart.x[0] : 1;
  const x = steps ? [...chart.x, chart.x.at(-1) + width] : chart.x;
  return [x, ...layers.map(({ values }) => {
    const filled = chart.x.map((_, place) => values[place] ?? null);
    return steps ? [...filled, filled.at(-1)] : filled;
  })];
}

function seriesOf(chart, layers, colour) {
  const stepped = chart.form === 'line' ? undefined : uPlot.paths.stepped({ align: 1 });
  return layers.map(({ line, place }) => {
    const stroke = colour(`series-${(place % 8) + 1}`);
    const fill = chart.form === 'stack' ? stroke : chart.form === 'steps' && place > 0 ? `${stroke}55` : undefined;
    return {
      label: line.label,
      scale: line.right ? 'right' : 'y',
      // The legend says the value itself, never the sum that a stack draws.
      value: (_plot, _value, _series, index) => (index === null ? '' : shown(line.values[Math.min(index, chart.x.length - 1)])),
      stroke,
      fill,
      width: chart.form === 'stack' ? 1 : 2,
      dash: chart.form === 'stack' ? undefined : DASHES[place % DASHES.length],
      paths: stepped,
      spanGaps: line.sparse === true,
      points: stepped ? { show: false } : undefined,
    };
  });
}

/** Lines at powers of ten alone. */
function powers(_plot, _axis, low, high) {
  const first = Math.round(Math.log10(low));
  return Array.from({ length: Math.round(Math.log10(high)) - first + 1 }, (_, place) => 10 ** (first + place));
}

function axesOf(chart, colour) {
  const thin = { stroke: colour('line'), width: 1 };
  const axis = { stroke: colour('quiet'), grid: thin, ticks: thin, font: '12px system-ui, sans-serif', values: (_plot, values) => values.map(ticked) };
  const axes = [{ ...axis, space: 56, size: 30 }, { ...axis, scale: 'y', size: 60, ...(chart.logarithmic ? { splits: powers } : {}) }];
  if (chart.lines.some((line) => line.right)) axes.push({ ...axis, scale: 'right', side: 1, size: 52, grid: { show: false } });
  return axes;
}

/** A dashed vertical line with its words, and the time until it was mended. */
function drawMark(plot, mark, row, colour) {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const x = plot.valToPos(mark.at, 'x', true);
  if (x < bbox.left - 1 || x > bbox.left + bbox.width + 1) return;
  const tone = colour(mark.kind === 'fault' ? 'bad' : 'quiet');
  ctx.save();
  if (mark.until !== null) {
    const until = Math.min(plot.valToPos(mark.until, 'x', true), bbox.left + bbox.width);
    ctx.globalAlpha = 0.16;
    ctx.fillStyle = tone;
    ctx.fillRect(x, bbox.top, Math.max(until - x, 2 * ratio), bbox.height);
    ctx.globalAlpha = 1;
  }
  ctx.strokeStyle = tone;
  ctx.lineWidth = 1.5 * ratio;
  ctx.setLineDash(mark.kind === 'fault' ? [6 * ratio, 3 * ratio] : [2 * ratio, 3 * ratio]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  const late = x > bbox.left + bbox.width * 0.6;
  words(plot, mark.label, x + (late ? -5 : 5) * ratio, bbox.top + (row * LABEL_HEIGHT + 11) * ratio, tone, late ? 'right' : 'left', colour);
  ctx.restore();
}

function labelFont() {
  return `600 ${11 * devicePixelRatio}px system-ui, sans-serif`;
}

/** Words on the picture, on a ground of their own so that lines behind them do not strike them out. */
function words(plot, text, x, y, tone, align, colour) {
  const { ctx, bbox } = plot;
  ctx.font = labelFont();
  ctx.textAlign = align;
  const room = align === 'right' ? x - bbox.left : bbox.left + bbox.width - x;
  let fitting = text;
  while (fitting.length > 1 && ctx.measureText(fitting).width > room) fitting = `${fitting.replace(/…$/, '').slice(0, -1)}…`;
  const width = ctx.measureText(fitting).width;
  ctx.globalAlpha = 0.8;
  ctx.fillStyle = colour('card');
  ctx.fillRect(align === 'right' ? x - width - 2 : x - 2, y - 10 * devicePixelRatio, width + 4, 13 * devicePixelRatio);
  ctx.globalAlpha = 1;
  ctx.fillStyle = tone;
  ctx.fillText(fitting, x, y);
}

function drawLevel(plot, { from, to, value, label }, colour) {
  const { ctx } = plot;
  const left = plot.valToPos(from, 'x', true);
  const right = plot.valToPos(to, 'x', true);
  const y = plot.valToPos(value, 'y', true);
  ctx.save();
  ctx.strokeStyle = colour('good');
  ctx.lineWidth = 2.5 * devicePixelRatio;
  ctx.setLineDash([]);
  ctx.beginPath();
  ctx.moveTo(left, y);
  ctx.lineTo(Math.max(right, left + 6), y);
  ctx.stroke();
  ctx.font = labelFont();
  // Behind its end there is nothing but what was sold afterwards; without room there, above the line.
  const behind = right + 8 * devicePixelRatio;
  const fits = behind + ctx.measureText(label).width < plot.bbox.left + plot.bbox.width;
  words(plot, label, fits ? behind : left + 6, y + (fits ? 4 : -6) * devicePixelRatio, colour('good'), 'left', colour);
  ctx.restore();
}

/** Marks with words that fit beside each other. */
function labelled(marks) {
  const faults = marks.filter(({ kind }) => kind === 'fault');
  return marks.map((mark) => {
    const short = mark.label.length > LABEL_MAX ? `${mark.label.slice(0, LABEL_MAX - 1)}…` : mark.label;
    const numbered = mark.kind === 'fault' && faults.length >= MANY_FAULTS;
    return { ...mark, label: numbered ? String(faults.indexOf(mark) + 1) : short };
  });
}

function hooksOf(chart, colour) {
  return {
    setCursor: [(plot) => plot.root.classList.toggle('pointed', typeof plot.cursor.idx === 'number')],
    draw: [(plot) => {
      if (chart.level) drawLevel(plot, chart.level, colour);
      labelled(chart.marks).forEach((mark, place) => drawMark(plot, mark, place % LABEL_ROWS, colour));
    }],
  };
}

/** From 0, with room for words above; or powers of ten, where small values would not be seen beside the highest. */
function scaleOf(chart) {
  if (!chart.logarithmic) return { range: (_plot, _low, highest) => [0, Math.max(highest ?? 0, chart.level?.value ?? 0) * 1.25 || 1] };
  const range = (_plot, low, highest) => [10 ** Math.floor(Math.log10(low)), 10 ** Math.ceil(Math.log10(highest * 1.25))];
  return { distr: 3, range };
}

function draw(chart) {
  const place = document.getElementById(`plot-${chart.id}`);
  const colour = colours();
  const layers = drawn(chart);
  const isTime = chart.along.startsWith('seconds');
  const from = isTime ? 0 : Math.min(...chart.x);
  const room = isTime ? 0 : Math.max((chart.end - from) * 0.04, 1);
  place.replaceChildren();
  const options = {
    width: Math.max(200, place.clientWidth),
    height: HEIGHT,
    cursor: { drag: { x: false, y: false }, sync: isTime ? { key: 'time', setSeries: false } : undefined, points: { show: chart.form === 'line' } },
    legend: { live: true },
    scales: { x: { time: false, range: () => [from - room, chart.end + room] }, y: scaleOf(chart), right: { range: (_plot, _low, highest) => [0, Math.max(highest ?? 0, 1) * 1.25] } },
    axes: axesOf(chart, colour),
    series: [{ label: isTime ? 'at' : 'rate', value: (_plot, value) => (value === null || value === undefined ? '' : `${shown(value)} ${isTime ? 's' : '/s'}`) }, ...seriesOf(chart, layers, colour)],
    hooks: hooksOf(chart, colour),
  };
  return new uPlot(options, columns(chart, layers), place);
}

function drawAll() {
  for (const plot of plots) plot.destroy();
  plots = charts.map(draw);
  document.body.dataset.drawn = String(plots.length);
}

/** The slider moves all charts to one moment, for whoever has no pointer. */
function follow(slider) {
  const words = document.getElementById('moment-words');
  slider.addEventListener('input', () => {
    const at = Number(slider.value);
    words.textContent = `${shown(at)} s`;
    slider.setAttribute('aria-valuetext', `${shown(at)} seconds since the start`);
    plots.forEach((plot, place) => {
      if (charts[place].along.startsWith('seconds')) plot.setCursor({ left: plot.valToPos(at, 'x'), top: HEIGHT / 2 }, true, false);
    });
  });
}

drawAll();
dark.addEventListener('change', drawAll);
const slider = document.getElementById('moment');
if (slider) follow(slider);
const observer = new ResizeObserver(() => {
  plots.forEach((plot, place) => {
    const width = document.getElementById(`plot-${charts[place].id}`).clientWidth;
    if (width > 0 && width !== plot.width) plot.setSize({ width, height: HEIGHT });
  });
});
observer.observe(document.body);
