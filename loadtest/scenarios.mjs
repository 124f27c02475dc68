// The table of all load scenarios: what each one does, how large it is, what must come out, and what the kind of
// system it was first run against has published.
//
// Read by the k6 scripts, by the runner and by the report, so it imports nothing and knows no tool.
//
//   sizes.quick, sizes.full   users    customers that come, each once (where their number is fixed)
//                             rate     customers that come in a second
//                             duration seconds
//                             stock    units of each product, or of the hot one
//                             stages   {seconds, rate} held for that long; {seconds, users} reached in that time,
//                                      {seconds, users, hold: true} held for that long
//                             steps    rates, each held for `duration` seconds
//   server                    settings that the server needs for this scenario; SECRET_FILE stands for the path of a
//                             file with 32 random bytes or more in hexadecimal, which the script gets as
//                             TOKEN_SECRET_FILE
//   expectation.sold          "min(stock, demand)": as many as there are or as were asked for, never one more or less;
//                             "demand": everybody who asked gets it; "acknowledged": as many as were answered with
//                             success, less those that were given back
//   expectation.cutOff        the generator ends the run in the middle of things: customers who were cut off never heard
//                             their answer, and up to so many units may be sold beyond the acknowledged ones
//   expectation.refusals      codes that a customer may be refused with; any other one is an error
//   expectation.latency       milliseconds that a percentile must stay below; not held against a run with a fault,
//                             where waiting for the restart is part of each customer's wait
//   expectation.rate          what must be done in a second on average, where the other system has published its rate;
//                             held against runs of these sizes without a fault

/** @type {LatencyLimit} */
const WAITS_FOR_NOBODY = { of: "success", percentile: 99, below: 250 };

/** @typedef {{seconds: number, rate?: number, users?: number, hold?: boolean}} Stage */
/** @typedef {{users?: number, rate?: number, duration?: number, stock: number, stages?: Stage[], steps?: number[],
 *   accounts?: number}} Size */
/** @typedef {{of: "success"|"refusal"|"accept"|"read"|"adjustment"|"sign_in", percentile: number, below: number}} LatencyLimit */
/** @typedef {{name: string, title: string, text: string, artillery: boolean, server: Record<string, string|number|boolean>,
 *   sizes: {quick: Size, full: Size}, published: {text: string, system: string},
 *   expectation: {text: string, sold: "min(stock, demand)"|"demand"|"acknowledged", refusals: string[], cutOff?: boolean,
 *   latency: LatencyLimit[],
 *   rate?: {of: "answers"|"successes"|"accepts"|"requests"|"last good step", above: number}}}} Scenario */

const QUEUE_AND_ROW_LOCKS = "NestJS, BullMQ and Postgres row locks, driven by artillery";
const STORED_PROCEDURE = "Express and a Postgres stored procedure, driven by JMeter";
const REDIS_COUNTER = "Spring Boot, a counter in Redis and RabbitMQ, driven by k6";
const ADVISORY_LOCKS = "Express, Bull and Postgres advisory locks, driven by artillery";

/** @type {Scenario[]} */
export const scenarios = [
  {
    name: "single-unit",
    title: "One unit, a thousand customers",
    text: "A thousand customers come at 125 a second and want the same single unit.",
    artillery: true,
    server: {},
    sizes: {
      quick: { users: 1000, rate: 125, stock: 1 },
      full: { users: 1000, rate: 125, stock: 1 },
    },
    published: { text: "0 of 1 sold", system: QUEUE_AND_ROW_LOCKS },
    expectation: {
      text: "exactly 1 success, 999 refused as sold out",
      sold: "min(stock, demand)",
      refusals: ["sold-out"],
      latency: [{ of: "success", percentile: 99, below: 250 }, { of: "refusal", percentile: 99, below: 50 }],
    },
  },
  {
    name: "limited-stock",
    title: "Five units, fifteen hundred customers",
    text: "Fifteen hundred customers come at 150 a second and want one of five units.",
    artillery: true,
    server: {},
    sizes: {
      quick: { users: 1500, rate: 150, stock: 5 },
      full: { users: 1500, rate: 150, stock: 5 },
    },
    published: { text: "5 of 5 sold", system: QUEUE_AND_ROW_LOCKS },
    expectation: {
      text: "exactly 5 successes, 1,495 refused as sold out",
      sold: "min(stock, demand)",
      refusals: ["sold-out"],
      latency: [{ of: "success", percentile: 99, below: 250 }, { of: "refusal", percentile: 99, below: 50 }],
    },
  },
  {
    name: "hyper-contention",
    title: "Everybody at one product",
    text: "Bursts of 200, 300 and many more customers a second, all at one product of ten units.",
    artillery: true,
    server: {},
    sizes: {
      quick: {
        stock: 10,
        stages: [
          { seconds: 5, rate: 200 },
          { seconds: 5, rate: 300 },
          { seconds: 5, rate: 800 },
          { seconds: 5, rate: 1200 },
        ],
      },
      full: {
        stock: 10,
        stages: [
          { seconds: 60, rate: 200 },
          { seconds: 60, rate: 300 },
          { seconds: 60, rate: 1000 },
          { seconds: 60, rate: 2000 },
          { seconds: 60, rate: 4000 },
        ],
      },
    },
    published: { text: "fails with 400 and 429", system: QUEUE_AND_ROW_LOCKS },
    expectation: {
      text: "exactly 10 successes; p99 of refusals below 10 ms",
      sold: "min(stock, demand)",
      refusals: ["sold-out"],
      latency: [{ of: "success", percentile: 99, below: 250 }, { of: "refusal", percentile: 99, below: 10 }],
    },
  },
  {
    name: "flash-sale",
    title: "Cart, then checkout",
    text: "A thousand customers come within ten seconds; each puts the same product into a cart and checks out.",
    artillery: false,
    server: {},
    sizes: {
      quick: { users: 1000, rate: 100, stock: 100 },
      full: { users: 1000, rate: 100, stock: 100 },
    },
    published: { text: "100 of 100 sold; mean 642 ms, p99 2,206 ms, 92/s", system: STORED_PROCEDURE },
    expectation: {
      text: "exactly 100 successes, 900 refused as sold out",
      sold: "min(stock, demand)",
      refusals: ["sold-out"],
      latency: [{ of: "success", percentile: 99, below: 642 }, { of: "refusal", percentile: 99, below: 642 }],
    },
  },
  {
    name: "mixed-carts",
    title: "A then B, B then A",
    text: "Five hundred customers put A and then B into their carts, five hundred B and then A, all at the same time.",
    artillery: false,
    server: {},
    sizes: {
      quick: { users: 1000, rate: 250, stock: 1000 },
      full: { users: 1000, rate: 500, stock: 1000 },
    },
    published: { text: "no error; checkout mean 2,723 ms, 70/s", system: STORED_PROCEDURE },
    expectation: {
      text: "1,000 successes, no deadlock, no timeout",
      sold: "demand",
      refusals: [],
      latency: [{ of: "success", percentile: 99, below: 2723 }],
      rate: { of: "successes", above: 70 },
    },
  },
  {
    name: "restock-while-selling",
    title: "A seller restocks while buyers buy",
    text: "One seller adds stock to 100 products in one call, again and again, while 30 customers buy them.",
    artillery: false,
    server: {},
    sizes: {
      quick: { users: 30, duration: 15, stock: 1000 },
      full: { users: 30, duration: 120, stock: 10000 },
    },
    published: { text: "all succeed; buyers waited 5,069 ms for the seller", system: STORED_PROCEDURE },
    expectation: {
      text: "every purchase and every restock succeeds, and no buyer waits for the seller",
      sold: "demand",
      refusals: [],
      latency: [WAITS_FOR_NOBODY, { of: "adjustment", percentile: 99, below: 1000 }],
    },
  },
  {
    name: "sync-ramp",
    title: "A thousand users, answered at once",
    text: "Up to 100, 500 and 1,000 users who buy every second, then 50 for a while.",
    artillery: false,
    server: {},
    sizes: {
      quick: {
        stock: 1000,
        stages: [
          { seconds: 8, users: 100 },
          { seconds: 8, users: 500 },
          { seconds: 8, users: 1000 },
          { seconds: 8, users: 50, hold: true },
        ],
      },
      full: {
        stock: 1000,
        stages: [
          { seconds: 100, users: 100 },
          { seconds: 100, users: 500 },
          { seconds: 100, users: 1000 },
          { seconds: 300, users: 50, hold: true },
        ],
      },
    },
    published: { text: "88/s, p95 1,235 ms", system: REDIS_COUNTER },
    expectation: {
      text: "exactly 1,000 successes; p50 below 500 ms, p95 below 1,235 ms, p99 below 5 s",
      sold: "min(stock, demand)",
      refusals: ["sold-out"],
      latency: [
        { of: "success", percentile: 50, below: 500 },
        { of: "success", percentile: 95, below: 1235 },
        { of: "success", percentile: 99, below: 5000 },
        { of: "refusal", percentile: 95, below: 1235 },
      ],
      rate: { of: "answers", above: 88 },
    },
  },
  {
    name: "async-ramp",
    title: "Two thousand users in the queue",
    text: "Up to 200, 1,000 and 2,000 users who queue a purchase (202) and ask until it is decided, then a burst of 100 "
      + "who hardly pause.",
    artillery: false,
    server: { "queue.drain_per_second": 10000 },
    sizes: {
      quick: {
        stock: 100000,
        stages: [
          { seconds: 4, users: 200 },
          { seconds: 4, users: 1000 },
          { seconds: 4, users: 2000 },
          { seconds: 16, users: 2000, hold: true },
          { seconds: 6, users: 100, hold: true },
        ],
      },
      full: {
        stock: 1000000,
        stages: [
          { seconds: 100, users: 200 },
          { seconds: 100, users: 1000 },
          { seconds: 100, users: 2000 },
          { seconds: 120, users: 100, hold: true },
        ],
      },
    },
    published: { text: "875/s accepted", system: REDIS_COUNTER },
    expectation: {
      text: "everybody is answered 202 with p95 below 300 ms, and every accepted purchase ends sold",
      sold: "demand",
      refusals: [],
      latency: [{ of: "accept", percentile: 95, below: 300 }],
      rate: { of: "accepts", above: 875 },
    },
  },
  {
    name: "standard-sale",
    title: "An ordinary sale",
    text: "Two hundred customers a second look around, buy one of five products, and look at their order.",
    artillery: true,
    server: {},
    sizes: {
      quick: { rate: 200, duration: 20, stock: 400 },
      full: { rate: 200, duration: 300, stock: 6000 },
    },
    published: { text: "all refused by a limiter", system: QUEUE_AND_ROW_LOCKS },
    expectation: {
      text: "no error, and every unit of all five products is sold",
      sold: "min(stock, demand)",
      refusals: ["sold-out"],
      latency: [WAITS_FOR_NOBODY, { of: "refusal", percentile: 99, below: 100 }],
    },
  },
  {
    name: "extreme-sale",
    title: "Nineteen of twenty at one product",
    text: "Five hundred customers a second, 95 % of them at one product; who has bought it tries once more, against the "
      + "limit of one.",
    artillery: true,
    server: {},
    sizes: {
      quick: { rate: 500, duration: 15, stock: 500 },
      full: { rate: 500, duration: 180, stock: 5000 },
    },
    published: { text: "0 sold, 12,521 answers of 429", system: QUEUE_AND_ROW_LOCKS },
    expectation: {
      text: "every unit of the hot product is sold, and nobody has two",
      sold: "min(stock, demand)",
      refusals: ["sold-out", "customer-limit-reached"],
      latency: [WAITS_FOR_NOBODY, { of: "refusal", percentile: 99, below: 100 }],
    },
  },
  {
    name: "ten-thousand-users",
    title: "Ten thousand customers with accounts",
    text: "Ten thousand customers look at the sale, wait for it to open, and buy with a token of their own; one in a "
      + "hundred signs in first.",
    artillery: false,
    server: { "auth.mode": "jwt", "auth.algorithm": "HS256", "auth.key_file": "SECRET_FILE" },
    sizes: {
      quick: { users: 10000, rate: 400, stock: 1000, accounts: 100 },
      full: { users: 10000, rate: 1000, stock: 1000, accounts: 100 },
    },
    published: { text: "196,583 timeouts", system: ADVISORY_LOCKS },
    expectation: {
      text: "exactly 1,000 successes, no error, p95 below 2 s",
      sold: "min(stock, demand)",
      refusals: ["sold-out"],
      latency: [
        { of: "success", percentile: 95, below: 2000 },
        { of: "refusal", percentile: 95, below: 2000 },
        { of: "sign_in", percentile: 95, below: 2000 },
      ],
    },
  },
  {
    name: "thousand-purchases",
    title: "A thousand purchases a second",
    text: "50, 200, 1,000, 500 and 100 purchases a second; the last unit goes in the middle of the peak or after it.",
    artillery: false,
    server: {},
    sizes: {
      quick: { stock: 4000, stages: [50, 200, 1000, 500, 100].map((rate) => ({ seconds: 4, rate })) },
      full: { stock: 60000, stages: [50, 200, 1000, 500, 100].map((rate) => ({ seconds: 60, rate })) },
    },
    published: { text: "0 purchases", system: ADVISORY_LOCKS },
    expectation: {
      text: "exactly as many successes as units, no error, p95 below 3 s",
      sold: "min(stock, demand)",
      refusals: ["sold-out"],
      latency: [{ of: "success", percentile: 95, below: 3000 }, { of: "refusal", percentile: 95, below: 3000 }],
    },
  },
  {
    name: "hundred-thousand-requests",
    title: "A hundred thousand requests",
    text: "Purchases and looks at the stock, three to one, at a rate above everything published.",
    artillery: false,
    server: {},
    sizes: {
      quick: { users: 36000, rate: 1200, stock: 10000 },
      full: { users: 100000, rate: 1600, stock: 50000 },
    },
    published: { text: "788/s, most of them 429", system: ADVISORY_LOCKS },
    expectation: {
      text: "exactly as many successes as units, no error, p95 below 1 s",
      sold: "min(stock, demand)",
      refusals: ["sold-out"],
      latency: [
        { of: "success", percentile: 95, below: 1000 },
        { of: "refusal", percentile: 95, below: 1000 },
        { of: "read", percentile: 95, below: 1000 },
      ],
      rate: { of: "requests", above: 788 },
    },
  },
  {
    name: "database-stress",
    title: "Orders and catalogue, read and written",
    text: "Customers order two products, look at their orders, list them and search the catalogue, while operators "
      + "change products and some customers cancel.",
    artillery: false,
    server: {},
    sizes: {
      quick: { rate: 100, duration: 20, stock: 100000 },
      full: { rate: 200, duration: 300, stock: 1000000 },
    },
    published: { text: "p95 below 5 s, fewer than 10 % errors", system: ADVISORY_LOCKS },
    expectation: {
      text: "no error, p95 below 5 s, and what was cancelled came back exactly once",
      sold: "acknowledged",
      refusals: [],
      latency: [{ of: "success", percentile: 95, below: 5000 }, { of: "read", percentile: 95, below: 5000 }],
    },
  },
  {
    name: "breaking-point",
    title: "Where it breaks",
    text: "The arrival rate is raised in steps until p99 of successes passes 250 ms, errors appear, or the load "
      + "generator cannot send any more.",
    artillery: false,
    server: {},
    sizes: {
      quick: { duration: 5, stock: 1000000000, steps: [500, 1000, 1500, 2000, 2500, 3000, 4000, 5000, 6000] },
      full: {
        duration: 30,
        stock: 1000000000,
        steps: [1000, 2000, 3000, 4000, 6000, 8000, 12000, 16000, 24000, 32000],
      },
    },
    published: { text: "788/s on average, 856/s at the peak", system: ADVISORY_LOCKS },
    expectation: {
      text: "exact up to the end, wherever it is; above 856 purchases a second",
      sold: "acknowledged",
      cutOff: true,
      refusals: [],
      latency: [],
      rate: { of: "last good step", above: 856 },
    },
  },
  {
    name: "mixed",
    title: "Everything at once",
    text: "Customers who browse, buy, hold and confirm or release, check out carts, queue, and cancel, all together.",
    artillery: false,
    server: {},
    sizes: {
      quick: { rate: 100, duration: 30, stock: 100000 },
      full: { rate: 100, duration: 3600, stock: 10000000 },
    },
    published: { text: "nothing comparable", system: "none" },
    expectation: {
      text: "no error; sold is what was acknowledged less what was given back, and nobody is above the limit",
      sold: "acknowledged",
      refusals: ["sold-out", "insufficient-stock", "customer-limit-reached", "released"],
      latency: [WAITS_FOR_NOBODY, { of: "read", percentile: 99, below: 1000 }],
    },
  },
];

/**
 * The scenario of this name.
 * @param {string} name
 * @returns {Scenario}
 */
export function scenarioOf(name) {
  const found = scenarios.find((scenario) => scenario.name === name);
  if (!found) {
    throw new Error(`There is no scenario "${name}"; choose one of ${scenarios.map((one) => one.name).join(", ")}.`);
  }
  return found;
}

/** The limit of p99 of successes at which a ladder of rates ends, in milliseconds. */
const LATENCY_LIMIT = 250;

/**
 * A size that somebody asked for. What cannot be one is a RangeError, in a sentence for them.
 * @param {Record<string, string|undefined>} environment
 * @param {string} name
 * @param {"whole"|"any"} kind
 */
function sizeOf(environment, name, kind) {
  const text = environment[name];
  if (text === undefined || text === "") return undefined;
  const value = Number(text);
  if (kind === "whole" && !(Number.isSafeInteger(value) && value > 0)) {
    throw new RangeError(`${name} is "${text}": give a whole number above 0, or leave it out.`);
  }
  if (!(Number.isFinite(value) && value > 0)) {
    throw new RangeError(`${name} is "${text}": give a number above 0, or leave it out.`);
  }
  return value;
}

/**
 * The load of a scenario: its size, changed by USERS, RATE, DURATION and STOCK where they are set. RATE and USERS
 * change the peak of a scenario with stages and everything else in proportion; DURATION changes its whole length.
 * LATENCY_LIMIT is for a ladder of rates. What cannot be made of them is a RangeError.
 * @param {Scenario} scenario
 * @param {Record<string, string|undefined>} environment
 */
export function loadOf(scenario, environment) {
  const sizeName = environment.SIZE || "quick";
  if (sizeName !== "quick" && sizeName !== "full") throw new RangeError(`SIZE is "${sizeName}": give quick or full.`);
  const size = scenario.sizes[sizeName];
  const wanted = {
    users: sizeOf(environment, "USERS", "whole"),
    rate: sizeOf(environment, "RATE", "any"),
    duration: sizeOf(environment, "DURATION", "any"),
  };
  const stock = sizeOf(environment, "STOCK", "whole") ?? size.stock;
  const limit = sizeOf(environment, "LATENCY_LIMIT", "any") ?? LATENCY_LIMIT;
  const common = { size: sizeName, stock, accounts: size.accounts ?? 0, latencyLimit: size.steps ? limit : null };
  if (size.stages) return { ...common, ...staged(size.stages, wanted) };
  if (size.steps) {
    const duration = wanted.duration ?? size.duration ?? 1;
    const factor = wanted.rate === undefined ? 1 : wanted.rate / (size.steps[0] ?? 1);
    const steps = size.steps.map((rate) => Math.max(1, Math.round(rate * factor)));
    return { ...common, users: null, rate: null, duration, stages: null, steps: [...new Set(steps)] };
  }
  const load = steady(size, wanted);
  if (scenario.expectation.sold === "demand" && load.rate !== null && stock < load.users) {
    throw new RangeError(`STOCK is ${stock} and ${load.users} customers must all get what they want: give ${load.users} or more.`);
  }
  return { ...common, ...load, stages: null, steps: null };
}

/** @param {Stage[]} stages @param {{users?: number, rate?: number, duration?: number}} wanted */
function staged(stages, wanted) {
  const length = stages.reduce((sum, stage) => sum + stage.seconds, 0);
  const peakRate = Math.max(...stages.map((stage) => stage.rate ?? 0));
  const peakUsers = Math.max(...stages.map((stage) => stage.users ?? 0));
  const longer = wanted.duration === undefined ? 1 : wanted.duration / length;
  const faster = wanted.rate === undefined || peakRate === 0 ? 1 : wanted.rate / peakRate;
  const more = wanted.users === undefined || peakUsers === 0 ? 1 : wanted.users / peakUsers;
  const scaled = stages.map((stage) => ({
    ...stage,
    seconds: stage.seconds * longer,
    ...(stage.rate === undefined ? {} : { rate: Math.max(1, Math.round(stage.rate * faster)) }),
    ...(stage.users === undefined ? {} : { users: Math.max(1, Math.round(stage.users * more)) }),
  }));
  const arrivals = scaled.reduce((sum, stage) => sum + (stage.rate ?? 0) * stage.seconds, 0);
  return {
    users: peakUsers > 0 ? Math.round(peakUsers * more) : Math.round(arrivals),
    rate: peakRate > 0 ? Math.round(peakRate * faster) : null,
    duration: length * longer,
    stages: scaled,
    steps: null,
  };
}

/** @param {Size} size @param {{users?: number, rate?: number, duration?: number}} wanted */
function steady(size, wanted) {
  if (size.rate === undefined) {
    return { users: wanted.users ?? size.users ?? 1, rate: null, duration: wanted.duration ?? size.duration ?? 1 };
  }
  if (wanted.users !== undefined && wanted.duration !== undefined) {
    if (wanted.rate !== undefined && wanted.users !== Math.round(wanted.rate * wanted.duration)) {
      throw new RangeError(
        `USERS ${wanted.users} are not RATE ${wanted.rate} for DURATION ${wanted.duration} seconds: leave one of the three out.`,
      );
    }
    return { users: wanted.users, rate: wanted.rate ?? wanted.users / wanted.duration, duration: wanted.duration };
  }
  const rate = wanted.rate ?? size.rate;
  const users = wanted.users
    ?? (wanted.duration !== undefined ? Math.max(1, Math.round(rate * wanted.duration)) : size.users)
    ?? Math.round(rate * (size.duration ?? 1));
  return { users, rate, duration: users / rate };
}
