// The journal's own account of the run: for each product what was put in and sold, and who has what. It
// is added up from the facts, apart from the server's own audit, so that the two can disagree.

/** @typedef {"sold"|"held"|"gone"|"queued"|"refused"} State of an order's line; gone: released, expired, or given back */
/** @typedef {{customer: string, units: number, state: State}} Line an order's line of one product */
/** @typedef {{stocked: number, sold: number, held: number, limit: number|null, saleLimits: Map<number, number>,
 *   lines: Map<string, Line & {sale: number|null}>}} ProductLedger */

export class Ledger {
  constructor() {
    /** @type {Map<number, ProductLedger>} */
    this.products = new Map();
  }

  /** @param {number} id */
  product(id) {
    let product = this.products.get(id);
    if (product === undefined) {
      product = { stocked: 0, sold: 0, held: 0, limit: null, saleLimits: new Map(), lines: new Map() };
      this.products.set(id, product);
    }
    return product;
  }

  /** Takes one line of `lastunit journal cat`. @param {Record<string, any>} fact */
  hear(fact) {
    const product = this.product(fact.productId);
    switch (fact.event) {
      case 'created':
        product.stocked += fact.units;
        product.limit = fact.limitPerCustomer;
        break;
      case 'adjusted':
        product.stocked += fact.delta;
        break;
      case 'saleSet':
        if (fact.limitPerCustomer !== null) product.saleLimits.set(fact.saleId, fact.limitPerCustomer);
        break;
      case 'queued':
        product.lines.set(fact.orderId, line(fact, 'queued'));
        break;
      case 'refused':
        this.#setState(product, fact.orderId, 'refused');
        break;
      case 'purchased':
        product.lines.set(fact.orderId, line(fact, 'sold'));
        product.sold += fact.quantity;
        break;
      case 'held':
        product.lines.set(fact.orderId, line(fact, 'held'));
        product.held += fact.quantity;
        break;
      case 'confirmed':
        this.#end(product, fact.orderId, 'sold');
        break;
      case 'released':
      case 'expired':
        this.#end(product, fact.orderId, 'gone');
        break;
      case 'cancelled':
      case 'refunded':
        product.sold -= fact.quantity;
        this.#setState(product, fact.orderId, 'gone');
        break;
    }
  }

  /** @param {ProductLedger} product @param {string} order @param {"sold"|"gone"} state */
  #end(product, order, state) {
    const units = this.#setState(product, order, state);
    product.held -= units;
    if (state === 'sold') product.sold += units;
  }

  /** @param {ProductLedger} product @param {string} order @param {State} state */
  #setState(product, order, state) {
    const found = product.lines.get(order);
    if (found === undefined) return 0;
    found.state = state;
    return found.units;
  }

  /**
   * What the journal has of an order and one of its products.
   * @param {string} order
   * @param {number} id
   * @returns {Line|null}
   */
  find(order, id) {
    return this.products.get(id)?.lines.get(order) ?? null;
  }

  /**
   * Customers who have more of a product than its limit, or that of its sale, allows.
   * @param {Map<number, number>} limits of the products as the scenario set them up; 0 is none
   */
  aboveLimit(limits) {
    const found = [];
    for (const [id, product] of this.products) {
      const own = limits.get(id) || product.limit;
      /** @type {Map<string, {customer: string, units: number, limit: number|null|undefined}>} */
      const taken = new Map();
      for (const { customer, units, state, sale } of product.lines.values()) {
        if (state !== 'sold' && state !== 'held') continue;
        const limit = sale === null ? own : product.saleLimits.get(sale);
        const key = `${sale}/${customer}`;
        const sum = (taken.get(key)?.units ?? 0) + units;
        taken.set(key, { customer, units: sum, limit });
      }
      for (const { customer, units, limit } of taken.values()) {
        if (limit && units > limit) found.push({ product: id, customer, units, limit });
      }
    }
    return found;
  }
}

/** @param {Record<string, any>} fact @param {State} state */
function line(fact, state) {
  return { customer: String(fact.customerId), units: Number(fact.quantity), state, sale: fact.saleId ?? null };
}
