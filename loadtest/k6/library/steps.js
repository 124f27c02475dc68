// A ladder of arrival rates, and where it broke.

/**
 * @param {{rates: number[], duration: number, limit: number, fault: string}} ladder `duration` of each step in seconds,
 *   `limit` for p99 of successes in milliseconds
 */
export function stepsOf({ rates, duration, limit, fault }) {
  const steps = rates.map((rate, index) => ({ name: `step_${rate}`, rate, starts: index * duration }));
  return {
    executors: (executorsOf) => executors(steps, duration, executorsOf),
    thresholds: thresholds(steps, duration, limit, fault),
    found: (data) => found(data, steps, duration, limit),
  };
}

/** One executor a step, one after the other. */
function executors(steps, duration, executorsOf) {
  const load = { stages: null, steps: null, users: null };
  return Object.fromEntries(steps.map(({ name, rate, starts }) => {
    const { customers } = executorsOf({ ...load, rate, duration });
    // Enough for a server that answers within the limit; if it does not, customers who never came show it.
    const atOnce = Math.min(1000, Math.max(100, Math.ceil(rate * 0.15)));
    return [name, {
      ...customers, startTime: `${starts}s`, duration: `${duration}s`, gracefulStop: "2s", preAllocatedVUs: atOnce, maxVUs: atOnce,
    }];
  }));
}

/** The limits that end the run. The others are there for k6 to keep the numbers of each step apart. */
function thresholds(steps, duration, limit, fault) {
  const all = {};
  for (const { name, rate } of steps) {
    const abort = { abortOnFail: true, delayAbortEval: "2s" };
    // While a crashed server starts again everybody waits, which says nothing about the rate.
    if (fault === "none") all[`success_latency{scenario:${name}}`] = [{ threshold: `p(99)<${limit}`, ...abort }];
    all[`errors{scenario:${name}}`] = [{ threshold: "count==0", ...abort }];
    // One customer in fifty who could not be sent is the generator's limit, not the server's.
    all[`dropped_iterations{scenario:${name}}`] = [{ threshold: `count<${Math.ceil((rate * duration) / 50)}`, ...abort }];
    all[`successes{scenario:${name}}`] = ["count>=0"];
    all[`arrivals{scenario:${name}}`] = ["count>=0"];
  }
  return all;
}

/** The steps that were climbed, and the first that broke; `broke` is null when the ladder was too short. */
function found(data, steps, duration, limit) {
  const climbed = steps.map((step) => measured(data, step, duration)).filter(({ arrivals }) => arrivals > 0);
  const broken = climbed.find((step) => step.errors > 0 || step.p99 >= limit || step.neverCame >= (step.rate * duration) / 50);
  return {
    limit,
    rate: broken?.rate ?? null,
    lastGoodRate: climbed.filter((step) => broken === undefined || step.rate < broken.rate).pop()?.rate ?? null,
    what: broken === undefined ? "nothing gave way up to the last step" : what(broken, limit),
    steps: climbed,
  };
}

function what({ errors, p99, neverCame, rate }, limit) {
  if (errors > 0) return `${errors} errors appeared`;
  if (p99 >= limit) return `p99 of successes passed ${limit} ms`;
  return `the load generator had all its customers waiting and could not send ${rate} a second (${neverCame} never came)`;
}

function measured(data, { name, rate }, duration) {
  const values = (metric) => data.metrics[`${metric}{scenario:${name}}`]?.values;
  const latency = values("success_latency");
  const successes = values("successes")?.count ?? 0;
  return {
    rate,
    arrivals: values("arrivals")?.count ?? 0,
    // Of a step that was cut short this is too low; it is the broken one.
    achieved: Math.round(successes / duration),
    p50: latency?.["p(50)"] ?? null,
    p99: latency?.["p(99)"] ?? null,
    errors: values("errors")?.count ?? 0,
    neverCame: values("dropped_iterations")?.count ?? 0,
  };
}
