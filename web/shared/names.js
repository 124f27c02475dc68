// Names: products by id, for whatever shows only the id. Each is asked for once.

import { ask } from './api.js';
import { setText } from './dom.js';

/** @typedef {import('../shared/documents.js').Product} Product */

/** @type {Map<number, Promise<string>>} */
const names = new Map();

/** @param {Product} product */
export function learn(product) {
  names.set(product.productId, Promise.resolve(product.name));
}

/**
 * Shows `text` with the name of a product behind it, as soon as that is known.
 * @param {Node} node
 * @param {string} text
 * @param {number[]} products
 */
export function showNames(node, text, products) {
  const unknown = products.map((product) => `product ${product}`);
  if (node.textContent === '') setText(node, `${text} ${unknown.join(', ')}`);
  void Promise.all(products.map(nameOf)).then((known) => setText(node, `${text} ${known.join(', ')}`));
}

/** @param {number} product */
function nameOf(product) {
  const known = names.get(product);
  if (known) return known;
  /** @type {Promise<Product>} */
  const asked = ask('GET', `/api/v1/products/${product}`);
  const name = asked.then(
    (found) => found.name,
    () => {
      names.delete(product);
      return `product ${product}`;
    },
  );
  names.set(product, name);
  return name;
}
