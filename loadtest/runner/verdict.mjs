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
 *   isOwnSize: boolean, lastGoodRate: number|null, brokenBy: string|null,
 *   thresholds: {name: string, passed: boolean}[]}} Facts
 *   `isOwnSize`: nobody has asked for another load; `lastGoodRate`: of the last step that went well, where there are
 *   steps; `brokenBy`: why the server did not come back after a fault; `audit` and `stoppedWell` are null for a server that somebody else runs; `isRaised`: the load is raised
 *   until it breaks */

const WANT_OF_UNITS = ['sold-out', 'insufficient-stock'];
/** What a server says that has too much to do, or nobody to say anything. */
const OVERLOAD = ['no-answer', 'overloaded', 'too-many-connections'];
const number = new Intl.NumberFormat('en-US');

/** @param {Facts} facts @returns {{passed: boolean, checks: Check[]}} */
export function judge(facts) {
  const checks = [
    ...auditCheck(facts),
    stockCheck(facts),
    soldCheck(facts),
    enoughCheck(facts),
    heldCheck(facts),
    answersCheck(facts),
    lostCheck(facts),
    limitCheck(facts),
    refusalsCheck(facts),
    ...errorsCheck(facts),
    arrivalsCheck(facts),
    ...latencyChecks(facts),
    ...rateCheck(facts),
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
 * How many units of a product must be sold: all that were asked for and not given back, as far as they go.
 * @param {Facts} facts
 * @param {number} product
 * @param {Account} account
 */
function mustBeSold({ expectation, points, acknowledged, isRaised }, product, account) {
  const { kept, declined } = told(acknowledged);
  // Who was cut off may have got what they asked for, or not: the answers say how many at least.
  if (isRaised) return account.sold;
  if (expectation.sold === 'acknowledged') return kept.get(product) ?? 0;
  const demand = (points.wanted.get(product) ?? 0) - (declined.get(product) ?? 0);
  return expectation.sold === 'demand' ? demand : Math.min(account.stocked, demand);
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
    const units = mustBeSold(facts, product, account);
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
function enoughCheck({ accounts, points }) {
  const scarce = [...accounts].filter(([product, { stocked }]) => (points.wanted.get(product) ?? 0) > stocked);
  const isScarce = new Set(scarce.map(([product]) => product));
  /** @param {Record<string, number>} codes */
  const ofWant = (codes) => WANT_OF_UNITS.reduce((sum, code) => sum + (codes[code] ?? 0), 0);
  const wrongly = [...points.refused].filter(([product, codes]) => !isScarce.has(product) && ofWant(codes) > 0);
  const ofOne = [...points.refused.values()].reduce((sum, codes) => sum + ofWant(codes), 0);
  // An order of several products does not say which of them was wanting.
  const ofSeveral = isScarce.size === 0 ? ofWant(totals(points)) - ofOne : 0;
  const count = wrongly.reduce((sum, [, codes]) => sum + ofWant(codes), ofSeveral);
  return {
    name: 'nobody is refused what there is enough of',
    passed: count === 0,
    expected: 'nobody',
    actual: count === 0 ? 'nobody' : `${number.format(count)} customers, ${number.format(wrongly.length)} products`,
    why: 'a product of which no more is asked for than there is must not be sold out for anybody',
  };
}

/** @param {Facts} facts @returns {Check} */
function heldCheck({ accounts, isRaised }) {
  const left = [...accounts].filter(([, { held }]) => held > 0);
  const units = left.reduce((sum, [, { held }]) => sum + held, 0);
  return {
    name: 'no unit is left in a hold',
    // Whoever is cut off while the load is raised may leave one behind, until its time is over.
    passed: units === 0 || isRaised,
    expected: '0',
    actual: number.format(units) + (units === 0 ? '' : ` (products ${left.slice(0, 5).map(([id]) => id).join(', ')})`),
    why: 'what nobody is going to buy any more must be there for others, also after a crash',
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
function refusalsCheck({ expectation, points }) {
  const all = totals(points);
  // A hold that its customer released is no refusal.
  const known = [...expectation.refusals, 'released'];
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
  // Where the load is raised until something gives way, answers that say so are what is looked for; wrong ones never are.
  const kinds = [...points.errors].filter(([kind, { total }]) => total > 0 && !(isRaised && OVERLOAD.includes(kind)));
  const parts = kinds.map(([kind, { total }]) => `${number.format(total)} ${kind}`);
  // Errors of other requests, such as looks at an order, are counted too.
  if (!isRaised && (unanswered(points) > 0 || (unanswered(points) < 0 && kinds.length === 0))) {
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
function arrivalsCheck({ points, prepared, fault, dropped, generatorComplete, isRaised }) {
  const other = prepared.filter(({ product, demand }) => demand !== null && points.wanted.get(product) !== demand);
  // Where customers were left out nobody can say what they would have asked for.
  const isPlanned = dropped > 0 || other.length === 0;
  // Raising the load until something gives way may end at the generator, and the result says so. In a fault
  // everybody waits, and the generator has only so many customers who can wait at a time. Otherwise it may stand still
  // for a moment on a machine it shares with the server: one of two hundred changes no measurement.
  const most = isRaised ? Infinity : fault === 'none' ? points.arrivals.total / 200 : points.arrivals.total;
  return {
    name: 'the load was made as planned',
    passed: generatorComplete && dropped <= most && points.arrivals.total > 0 && isPlanned,
    expected: isRaised
      ? 'the generator finished; in the end it may leave customers out'
      : fault === 'none'
        ? 'the generator finished and left out at most one customer of 200'
        : 'the generator finished, and at least half of the customers came',
    actual: !generatorComplete
      ? 'the generator ended with an error, see load.log'
      : `${number.format(points.arrivals.total)} customers came, ${number.format(dropped)} were left out` +
        (isPlanned ? '' : `; product ${other[0]?.product} was not asked for as planned`),
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
      // Where everybody was served there is no refusal that could be slow; anything else must have come.
      passed: value === null ? of === 'refusal' : value < below,
      expected: `below ${number.format(below)} ms`,
      actual: value === null ? 'nobody got such an answer' : `${number.format(value)} ms`,
      why: 'what a customer waited, measured by the generator',
    };
  });
}

/** @param {Facts} facts @returns {Check[]} */
function rateCheck({ expectation, fault, points, isOwnSize, lastGoodRate }) {
  // Who asks for less load gets less; and nobody sells while the server is down.
  if (expectation.rate === undefined || fault !== 'none' || !isOwnSize) return [];
  const { of, above } = expectation.rate;
  const counts = {
    answers: points.arrivals.total,
    successes: points.successes.total,
    accepts: points.latency().accept?.count ?? 0,
    requests: points.requests,
  };
  const rate = of === 'last good step' ? (lastGoodRate ?? 0) : counts[of] / Math.max(1, points.seconds);
  return [
    {
      name: of === 'last good step' ? 'purchases a second before it broke' : `${of} a second`,
      passed: rate > above,
      expected: `more than ${number.format(above)}, as published`,
      actual: number.format(Math.round(rate)),
      why: 'less than others have published would be no reason to change',
    },
  ];
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
function faultCheck({ fault, planned, injected, isRaised, brokenBy }) {
  if (fault === 'none') return [];
  if (brokenBy !== null) {
    return [
      {
        name: 'the server comes back after the fault',
        passed: false,
        expected: 'it sells again',
        actual: brokenBy,
        why: 'what it has acknowledged is worth nothing while nobody can have it',
      },
    ];
  }
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
