// Text: markup in which everything is escaped, and numbers as people read them.

/** Markup that is finished: whatever came from outside was escaped on the way in. */
export class Markup {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }

  toString() {
    return this.text;
  }
}

/** @type {Record<string, string>} */
const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** What no page should hold as it is: control characters, and what turns the direction of the writing around it. */
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Text as it may stand in an element or in a quoted attribute.
 * @param {unknown} text
 */
export function escape(text) {
  return String(text).replace(INVISIBLE, '\ufffd').replace(/[&<>"']/g, (found) => ENTITIES[found] ?? found);
}

/**
 * A template whose values are escaped unless they are markup; lists are joined; nothing is left out of null.
 * @param {TemplateStringsArray} strings
 * @param {...unknown} values
 */
export function html(strings, ...values) {
  return new Markup(strings.reduce((done, part, place) => done + inside(values[place - 1]) + part));
}

/**
 * @param {unknown} value
 * @returns {string}
 */
function inside(value) {
  if (value === null || value === undefined || value === false) return '';
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(inside).join('');
  return escape(value);
}

/**
 * JSON that cannot end the script element it stands in, nor begin a comment there. Six digits of a number are more
 * than a picture shows.
 * @param {unknown} value
 */
export function scriptSafeJson(value) {
  const short = (/** @type {string} */ _name, /** @type {unknown} */ inner) => (typeof inner === 'number' ? Number(inner.toPrecision(6)) : inner);
  return JSON.stringify(value, short).replace(/[<>&\u2028\u2029]/g, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * Text for a terminal: nothing in it can move the cursor, colour the screen or turn the direction of writing.
 * @param {unknown} text
 */
export function plain(text) {
  return String(text).replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ');
}

/**
 * A number for people; a dash where nothing was measured. Without digits: three that count, and no fraction of a
 * whole number.
 * @param {number | null | undefined} value
 * @param {number} [digits] behind the point
 */
export function number(value, digits) {
  if (value === null || value === undefined) return '–';
  if (digits === undefined && value !== 0 && Math.abs(value) < 0.1) return value.toLocaleString('en-US', { maximumSignificantDigits: 2 });
  const fraction = digits ?? (Number.isInteger(value) ? 0 : significant(value));
  // 0 is added so that nothing is shown as -0.
  return (value + 0).toLocaleString('en-US', { minimumFractionDigits: fraction, maximumFractionDigits: fraction });
}

/** @param {number} value */
function significant(value) {
  const size = Math.abs(value);
  if (size >= 100) return 0;
  if (size >= 10) return 1;
  return 2;
}

/**
 * A number with its unit; a dash alone where there is none.
 * @param {number | null | undefined} value
 * @param {string} unit
 * @param {number} [digits]
 */
export function measured(value, unit, digits) {
  const shown = number(value, digits);
  if (value === null || value === undefined || unit === '') return shown;
  return unit.startsWith('/') ? shown + unit : `${shown} ${unit}`;
}

/**
 * "1 check", "2 checks".
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export function counted(count, one, many = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 120) return `${number(seconds, seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  const rest = Math.round(seconds - minutes * 60);
  return rest === 0 ? `${number(minutes)} min` : `${number(minutes)} min ${rest} s`;
}

/** @param {number} bytes */
export function bytes(bytes) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let place = 0;
  while (value >= 1024 && place < units.length - 1) {
    value /= 1024;
    place += 1;
  }
  return `${number(value, Number.isInteger(value) ? 0 : 1)} ${units[place]}`;
}

/**
 * The time of a start, without the fraction of a second.
 * @param {string} time RFC 3339
 */
export function moment(time) {
  return time.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z$/, '$1 $2 UTC');
}
