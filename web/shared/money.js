// Money: minor units, as the API has them, and what people read and write.

/** @typedef {import('./documents.js').Money} Money */

/** @type {Map<string, Intl.NumberFormat>} */
const formats = new Map();

/** @param {string} currency */
function format(currency) {
  let known = formats.get(currency);
  if (!known) {
    known = new Intl.NumberFormat(undefined, { style: 'currency', currency });
    formats.set(currency, known);
  }
  return known;
}

/**
 * Digits behind the point: 2 for USD, 0 for JPY.
 * @param {string} currency
 */
function digits(currency) {
  return format(currency).resolvedOptions().maximumFractionDigits ?? 2;
}

/** @param {Money} money */
export function show({ amount, currency }) {
  return format(currency).format(amount / 10 ** digits(currency));
}

/**
 * What stands in a field for an amount: 999.99.
 * @param {Money} money
 */
export function plain({ amount, currency }) {
  return (amount / 10 ** digits(currency)).toFixed(digits(currency));
}

/**
 * What somebody wrote, with a point or a comma, as minor units. Nothing is rounded away.
 * @param {string} text
 * @param {string} currency
 * @returns {Money}
 */
export function parse(text, currency) {
  if (!/^[A-Z]{3}$/.test(currency)) throw new Error('The currency is three capital letters, such as USD.');
  const places = digits(currency);
  const match = /^(\d+)(?:[.,](\d+))?$/.exec(text.trim());
  const [, whole = '', fraction = ''] = match ?? [];
  const amount = Number(whole + fraction.padEnd(places, '0'));
  if (!match || fraction.length > places || !Number.isSafeInteger(amount)) {
    throw new Error(`The price must be a number such as ${plain({ amount: 1999, currency })}.`);
  }
  return { amount, currency };
}
