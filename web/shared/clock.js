// Clock: the server's time. Sales open and holds end by it, whatever the clock of this machine says.

/** The server's time at the moment this page was made, in milliseconds; NaN until the server has told. */
let origin = Number.NaN;

/**
 * The server says what time it is.
 * @param {string} time
 * @param {number} [ageMs] how long ago it said so
 */
export function heard(time, ageMs = 0) {
  const millis = Date.parse(time);
  if (!Number.isNaN(millis)) origin = millis + ageMs - performance.now();
}

export function isKnown() {
  return !Number.isNaN(origin);
}

/** Milliseconds since 1970, by the server. */
export function now() {
  return isKnown() ? origin + performance.now() : Date.now();
}

/**
 * Milliseconds until then; 0 when it is past.
 * @param {string} time
 */
export function until(time) {
  return Math.max(0, Date.parse(time) - now());
}

/**
 * A duration as clocks show it: 04:09, 1:04:09, 3 d 01:04:09. The last second counts until it is over.
 * @param {number} ms
 */
export function countdown(ms) {
  const seconds = Math.ceil(ms / 1000);
  const two = (/** @type {number} */ part) => String(part).padStart(2, '0');
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24];
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  if (days > 0) return `${days} d ${two(hours)}:${rest}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}

/** From here on a date says more than a count of days. */
const FAR_MS = 30 * 86_400_000;

const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });

/**
 * When something is to come, behind its verb: in 04:09, or on its day where that is far away.
 * @param {number} at
 * @param {number} now
 */
export function when(at, now) {
  const ms = Math.max(0, at - now);
  return ms > FAR_MS ? `on ${day.format(at)}` : `in ${countdown(ms)}`;
}

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/**
 * Date and time, where this reader is.
 * @param {string} time
 */
export function local(time) {
  return moment.format(new Date(time));
}

/**
 * Calls now and then several times a second, for whatever counts down.
 * @param {() => void} tick
 */
export function everyTick(tick) {
  tick();
  setInterval(tick, 250);
}
