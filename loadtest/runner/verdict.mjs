// The verdict of a run: every promise, in both directions, from what the store, the generator and the
// server say independently of each other. Pure: it takes facts and gives checks.

import { added, lost, told } from './acknowledged.mjs';

/** @typedef {{name: string, passed: boolean, expected: string, actual: string, why: string}} Check */
/** @typedef {{stocked: number, sold: number, held: number}} Account of one product, as the store has it */
/** @typedef {{
 *   expectation: import('../scenarios.mjs').Scenario["expectation"],
 *   fault: string,
 *   planned: number, injected: number,
 *   prepared: import('./generator.mjs').Prepared[],
 *   accounts: Map<number, Account>,
 *   points: import('./points.mjs').Points,
 *   acknowledged: import('./acknowledged.mjs').Acknowledged[],
 *   find: (line: import('./acknowledged.mjs').Acknowledged) => import('./ledger.mjs').Line|null,
 *   aboveLimit: {product: number, customer: string, units: number, limit: number}[],
 *   audit: Record<string, any>|null,
 *   caughtUpAfterSeconds: number|null,
 *   stoppedWell: boolean|null,
 *   generatorComplete: boolean, dropped: number, isRaised: boolean,
 *   thresholds: {name: string, passed: boolean}[]}} Facts
 *   `audit` and `stoppedWell` are null for a server that somebody else runs; `isRaised`: the load is raised
 *   until it breaks */

const WANT_OF_UNITS = ['sold-out', 'insufficient-stock'];
const number = new Intl.NumberFormat('en-US');

/** @param {Facts} facts @returns {{passed: boolean, checks: Check[]}} */
export function judge(facts) {
  const checks = [
    ...auditCheck(facts),
    stockCheck(facts),
    soldCheck(facts),
    answersCheck(facts),
    lostCheck(facts),
    limitCheck(facts),
    refusalsCheck(facts),
    ...errorsCheck(facts),
    arrivalsCheck(facts),
    ...latencyChecks(facts),
    ...thresholdCheck(facts),
    ...faultCheck(facts),
    ...endChecks(facts),
  ];
  return { passed: checks.every(({ passed }) => passed), checks };
}

/** @param {Facts} facts @returns {Check[]} */
function auditCheck({ audit }) {
  if (audit === null) return [];
  const findings = (audit.findings ?? []).map((/** @type {any} */ finding) =>
    typeof finding === 'string' ? finding : (finding.problem ?? JSON.stringify(finding)),
  );
  const compared = audit.database?.compared === true;
  return [
    {
      name: 'journal and tables keep every promise',
      passed: audit.ok === true && compared,
      expected: 'no finding, tables compared',
      actual:
        findings.length > 0
          ? findings.slice(0, 3).join('; ')
          : `${number.format(audit.facts ?? 0)} facts replayed, ${compared ? 'tables compared' : 'tables not compared'}`,
      why: 'lastunit audit recomputes the chain of digests, replays every fact and compares the tables with it',
    },
  ];
}

/**
 * How many units of a product must be sold; null where customers may have what they like and give it back.
 * @param {Facts} facts
 * @param {number} product
 * @param {Account} account
 * @returns {number|null}
 */
function mustBeSold({ expectation, points, acknowledged, accounts, prepared }, product, account) {
  if (expectation.sold === 'acknowledged') return null;
  const kept = told(acknowledged).kept.get(product) ?? 0;
  if (expectation.sold === 'demand') return kept;
  const alone = accounts.size === 1;
  const refused = (alone ? totals(points) : points.refused.get(product)) ?? {};
  const wanted = points.wanted.get(product) ?? (alone ? points.arrivals.total : null);
  if (wanted !== null) {
    const others = Object.entries(refused).filter(([code]) => !WANT_OF_UNITS.includes(code));
    return Math.min(
      account.stocked,
      others.reduce((sum, [, count]) => sum - count, wanted),
    );
  }
  const planned = prepared.find((one) => one.product === product)?.demand ?? null;
  if (planned !== null) return Math.min(account.stocked, planned - (refused['payment-declined'] ?? 0));
  // How many wanted this product cannot be told; but nobody may be refused for want of units while some are left.
  const wanting = Object.entries(totals(points)).some(([code, count]) => WANT_OF_UNITS.includes(code) && count > 0);
  return wanting ? account.stocked : kept;
}

/** @param {import('./points.mjs').Points} points @returns {Record<string, number>} */
function totals(points) {
  return Object.fromEntries([...points.refusals].map(([code, { total }]) => [code, total]));
}

/** @param {Facts} facts @returns {Check} */
function stockCheck({ accounts, acknowledged, prepared }) {
  const more = added(acknowledged);
  const wrong = prepared.filter(
    ({ product, units }) => accounts.get(product)?.stocked !== units + (more.get(product) ?? 0),
  );
  const put = prepared.reduce((sum, { product, units }) => sum + units + (more.get(product) ?? 0), 0);
  const there = [...accounts.values()].reduce((sum, { stocked }) => sum + stocked, 0);
  return {
    name: 'the stock is what was put in',
    passed: wrong.length === 0 && prepared.length > 0,
    expected: number.format(put),
    actual:
      number.format(there) +
      (wrong.length === 0 ? '' : ` (wrong: ${wrong.length} products, such as ${wrong[0]?.product})`),
    why: 'every unit that was created or added counts once, whatever happened meanwhile',
  };
}

/** @param {Facts} facts @returns {Check} */
function soldCheck(facts) {
  const wrong = [];
  let [sold, expected] = [0, 0];
  for (const [product, account] of facts.accounts) {
    const units = mustBeSold(facts, product, account) ?? account.sold;
    sold += account.sold;
    expected += units;
    // More than there is can never be right, whatever was asked for.
    if (account.sold !== units || account.sold + account.held > account.stocked) {
      wrong.push(`product ${product}: ${account.sold} of ${account.stocked}, not ${units}`);
    }
  }
  const list = wrong.length > 0 ? ` (${wrong.slice(0, 5).join('; ')})` : '';
  return {
    name: 'exactly what there was and was asked for is sold',
    passed: wrong.length === 0 && facts.accounts.size > 0,
    expected: number.format(expected),
    actual: facts.accounts.size === 0 ? 'no product was prepared' : number.format(sold) + list,
    why: 'one unit too few is as wrong as one too many',
  };
}

/** @param {Facts} facts @returns {Check} */
function answersCheck({ accounts, acknowledged, points, isRaised }) {
  const { sold: answered, returned, kept } = told(acknowledged);
  // Raising the load ends by cutting customers off, and what they were about to hear is sold all the same.
  const cutOff = isRaised ? Math.max(0, unanswered(points)) : 0;
  const wrong = [...accounts].filter(([product, { sold }]) => {
    const units = kept.get(product) ?? 0;
    return sold < units || sold > units + cutOff;
  });
  // A customer may also be cut off between the writing down and the counting of one answer.
  const isCounted = Math.abs(answered - points.unitsSold) <= cutOff;
  const elsewhere = [...kept.keys()].filter((product) => !accounts.has(product));
  const sold = [...accounts.values()].reduce((sum, account) => sum + account.sold, 0);
  const parts = [
    isCounted
      ? number.format(answered)
      : `${number.format(points.unitsSold)} counted, ${number.format(answered)} written down`,
  ];
  if (cutOff > 0) parts.push(`${number.format(cutOff)} customers cut off`);
  if (wrong.length > 0)
    parts.push(
      `wrong for product ${wrong
        .slice(0, 5)
        .map(([product]) => product)
        .join(', ')}`,
    );
  return {
    name: 'success answers are the units sold',
    passed: wrong.length === 0 && elsewhere.length === 0 && isCounted && sold <= answered - returned + cutOff,
    expected:
      returned === 0
        ? number.format(sold)
        : `${number.format(sold + returned)}, of which ${number.format(returned)} were given back`,
    actual: parts.join('; '),
    why: 'a unit that is sold without anybody knowing is lost, an answer without a unit is a lie',
  };
}

/** Customers who never heard how it ended. @param {import('./points.mjs').Points} points */
function unanswered(points) {
  const refused = Object.values(totals(points)).reduce((sum, count) => sum + count, 0);
  return points.arrivals.total - points.successes.total - refused - points.errorsTotal;
}

/** @param {Facts} facts @returns {Check} */
function lostCheck({ acknowledged, find }) {
  const missing = lost(acknowledged, find);
  return {
    name: 'nothing acknowledged is lost or sold twice',
    passed: missing.length === 0,
    expected: `all ${number.format(acknowledged.length)} found`,
    actual:
      missing.length === 0
        ? `all ${number.format(acknowledged.length)} found`
        : `${number.format(missing.length)} not as they were answered, the first ${missing[0]?.kind} ${missing[0]?.id}`,
    why: 'each answer must be in the store with its product, customer and units, and belong to one customer only',
  };
}

/** @param {Facts} facts @returns {Check} */
function limitCheck({ aboveLimit }) {
  const [first] = aboveLimit;
  return {
    name: 'no customer is above the limit',
    passed: first === undefined,
    expected: 'nobody',
    actual:
      first === undefined
        ? 'nobody'
        : `${aboveLimit.length}, such as ${first.customer} with ${first.units} of product ${first.product}, limit ${first.limit}`,
    why: "limits are added up from the journal, apart from the server's own counting",
  };
}

/** @param {Facts} facts @returns {Check} */
function refusalsCheck({ expectation, fault, points }) {
  const all = totals(points);
  // A hold that its customer released is no refusal. A payment that a crash cut off is declined for good.
  const known = [...expectation.refusals, 'released', ...(fault.includes('crash') ? ['payment-declined'] : [])];
  const others = Object.entries(all).filter(([code, count]) => count > 0 && !known.includes(code));
  return {
    name: 'customers are refused for the right reasons only',
    passed: others.length === 0,
    expected: expectation.refusals.join(', ') || 'no refusal',
    actual:
      Object.entries(all)
        .map(([code, count]) => `${number.format(count)} ${code}`)
        .join(', ') || 'none',
    why: 'any other refusal turns away somebody whom this sale should have served',
  };
}

/** @param {Facts} facts @returns {Check[]} */
function errorsCheck({ points, isRaised }) {
  // Where the load is raised until something gives way, errors are what is looked for.
  if (isRaised) return [];
  const kinds = [...points.errors].filter(([, { total }]) => total > 0);
  const parts = kinds.map(([kind, { total }]) => `${number.format(total)} ${kind}`);
  // Errors of other requests, such as looks at an order, are counted too.
  if (unanswered(points) > 0 || (unanswered(points) < 0 && kinds.length === 0)) {
    parts.push(`${number.format(Math.abs(unanswered(points)))} without exactly one outcome`);
  }
  return [
    {
      name: 'every customer got one definite answer',
      passed: parts.length === 0,
      expected: '0 errors',
      actual: parts.join(', ') || '0 errors',
      why: 'whoever repeats a request with its key gets an answer, also across a fault',
    },
  ];
}

/** @param {Facts} facts @returns {Check} */
function arrivalsCheck({ points, fault, dropped, generatorComplete, isRaised }) {
  // Raising the load until something gives way may end at the generator, and the result says so. In a fault
  // everybody waits, and the generator has only so many customers who can wait at a time. Otherwise it may stand still
  // for a moment on a machine it shares with the server: one of two hundred changes no measurement.
  const most = isRaised ? Infinity : fault === 'none' ? points.arrivals.total / 200 : points.arrivals.total;
  return {
    name: 'the load was made as planned',
    passed: generatorComplete && dropped <= most && points.arrivals.total > 0,
    expected:
      fault === 'none' || isRaised
        ? 'the generator finished and left out at most one customer of 200'
        : 'the generator finished, and at least half of the customers came',
    actual: !generatorComplete
      ? 'the generator ended with an error, see load.log'
      : `${number.format(points.arrivals.total)} customers came, ${number.format(dropped)} were left out`,
    why: 'a generator that leaves customers out has measured itself',
  };
}

/** @param {Facts} facts @returns {Check[]} */
function latencyChecks({ expectation, fault, points }) {
  if (fault !== 'none') return [];
  const measured = points.latency();
  return expectation.latency.map(({ of, percentile, below }) => {
    const latency = measured[of] ?? null;
    const value = latency === null ? null : latency[/** @type {"p50"|"p90"|"p95"|"p99"} */ (`p${percentile}`)];
    return {
      name: `p${percentile} of ${of.replace('_', ' ')} answers`,
      // Where nobody got such an answer there is nothing that could be slow; how many must come is checked above.
      passed: value === null || value < below,
      expected: `below ${number.format(below)} ms`,
      actual: value === null ? 'nobody got such an answer' : `${number.format(value)} ms`,
      why: 'what a customer waited, measured by the generator',
    };
  });
}

/** @param {Facts} facts @returns {Check[]} */
function thresholdCheck({ expectation, thresholds }) {
  // The latencies of the expectation have a check each.
  const apart = expectation.latency.map(({ of, percentile }) => `${of}_latency p(${percentile})`);
  const others = thresholds.filter(({ name }) => !apart.some((start) => name.startsWith(start)));
  if (others.length === 0) return [];
  const crossed = others.filter(({ passed }) => !passed).map(({ name }) => name);
  return [
    {
      name: "the script's own thresholds",
      passed: crossed.length === 0,
      expected: `all ${others.length} kept`,
      actual: crossed.length === 0 ? `all ${others.length} kept` : `crossed: ${crossed.join('; ')}`,
      why: 'the script says what it takes for a good run when it runs alone',
    },
  ];
}

/** @param {Facts} facts @returns {Check[]} */
function faultCheck({ fault, planned, injected, isRaised }) {
  if (fault === 'none') return [];
  // How long the load can be raised is not known before.
  const least = isRaised ? Math.min(1, planned) : planned;
  return [
    {
      name: 'the fault happened while customers came',
      passed: injected >= least && planned > 0,
      expected: `${least} or more`,
      actual: String(injected),
      why: 'a green verdict without the fault would prove nothing',
    },
  ];
}

/** @param {Facts} facts @returns {Check[]} */
function endChecks({ caughtUpAfterSeconds, stoppedWell }) {
  if (stoppedWell === null) return [];
  return [
    {
      name: 'the tables caught up with the journal',
      passed: caughtUpAfterSeconds !== null,
      expected: 'no lag and no queue',
      actual: caughtUpAfterSeconds === null ? 'still behind' : `after ${caughtUpAfterSeconds} s`,
      why: 'rows follow the journal and may be late, never lost',
    },
    {
      name: 'the server stopped politely',
      passed: stoppedWell,
      expected: 'exit status 0 after SIGTERM',
      actual: stoppedWell ? 'exit status 0 after SIGTERM' : 'another end, see server.log',
      why: 'an operator must be able to restart it without a trace',
    },
  ];
}
