// Looks at the server twice a second: its metrics, the stock of up to ten products, and what the system
// says of its process, of the generator's and of the machine.

import { directoryBytes, machineUsage, usage } from './machine.mjs';
import { growth, quantileBetween, read, sum } from './prometheus.mjs';
import { round } from './points.mjs';

const EVERY_MILLISECONDS = 500;
const PRODUCTS_MAX = 10;
/** Files are counted more rarely, for there may be many. */
const FILES_EVERY_LOOKS = 10;
/** An answer that takes longer than this is no sample of that moment. */
const LIMIT_MILLISECONDS = 2000;

/** @typedef {{productId: number, available: number, held: number, sold: number}} StockSample */
/** @typedef {{at: number, stock: StockSample[], cpu: number|null, memoryBytes: number|null, openFiles: number|null,
 *   generatorCpu: number|null, machineCpu: number|null, commitsPerSecond: number|null,
 *   eventsPerCommit: number|null, commitP99: number|null, purchaseP99: number|null, projectionLagSeconds: number|null,
 *   queueDepth: number|null, inFlight: number|null, sheddingLevel: number|null, connections: number|null,
 *   dataBytes: number|null}} Sample
 *   `at` is a time of the clock in milliseconds until the run is over; `purchaseP99`: by the server's own clock */
/** @typedef {{url: string, serverPid: () => number|null, generatorPid: () => number|null,
 *   token: string|null, search: string|null, dataDirectory: string|null}} Watched
 *   `search`: words in the names of the products, where others are there too */

/** What the server has sold at once, in the labels of its metrics. */
const SOLD = ['route="POST /api/v1/purchases"', 'status="201"'];

export class Sampler {
  /** @param {Watched} watched */
  constructor(watched) {
    this.watched = watched;
    /** @type {Sample[]} */
    this.samples = [];
    /** @type {number[]} */
    this.products = [];
    /** @type {Awaited<ReturnType<Sampler["look"]>>|null} */
    this.before = null;
    this.stopped = false;
    this.looks = 0;
    /** @type {Promise<void>} */
    this.finished = this.#run();
  }

  get latest() {
    return this.samples.at(-1) ?? null;
  }

  async stop() {
    this.stopped = true;
    await this.finished;
  }

  async #run() {
    while (!this.stopped) {
      const due = Date.now() + EVERY_MILLISECONDS;
      const now = await this.look();
      if (this.before !== null) this.samples.push(between(this.before, now));
      this.before = now;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - Date.now())));
    }
  }

  async look() {
    const { serverPid, generatorPid } = this.watched;
    const [server, generator] = [serverPid(), generatorPid()];
    const at = Date.now();
    const directory = this.looks++ % FILES_EVERY_LOOKS === 0 ? this.watched.dataDirectory : null;
    const [metrics, stock, serverUsage, generatorUsage, machine, dataBytes] = await Promise.all([
      this.#text('/metrics'),
      this.#stock(),
      server === null ? null : usage(server),
      generator === null ? null : usage(generator),
      machineUsage(),
      directory === null ? null : directoryBytes(directory).catch(() => null),
    ]);
    const reading = metrics === null ? null : read(metrics);
    const told = server === null && reading !== null ? toldUsage(reading) : null;
    return {
      at,
      server: server ?? told?.process ?? null,
      generator,
      metrics: reading,
      stock,
      serverUsage: serverUsage ?? told?.usage ?? null,
      generatorUsage,
      machine,
      dataBytes,
    };
  }

  /** @returns {Promise<StockSample[]>} */
  async #stock() {
    if (this.products.length < PRODUCTS_MAX) await this.#findProducts();
    const texts = await Promise.all(this.products.map((id) => this.#text(`/api/v1/products/${id}/stock`)));
    return texts.flatMap((text) => {
      if (text === null) return [];
      const { productId, available, held, sold } = JSON.parse(text);
      return [{ productId, available, held, sold }];
    });
  }

  /** A server of our own counts its products from 1; on another one those of this run have its name. */
  async #findProducts() {
    const { search } = this.watched;
    if (search === null) {
      while (this.products.length < PRODUCTS_MAX) {
        const next = this.products.length + 1;
        if ((await this.#text(`/api/v1/products/${next}/stock`)) === null) return;
        this.products.push(next);
      }
      return;
    }
    const list = await this.#text(`/api/v1/products?limit=${PRODUCTS_MAX}&q=${encodeURIComponent(search)}`);
    if (list !== null) {
      this.products = JSON.parse(list).data.map((/** @type {{productId: number}} */ product) => product.productId);
    }
  }

  /** @param {string} path @returns {Promise<string|null>} null where there is no good answer */
  async #text(path) {
    const { url, token } = this.watched;
    try {
      const answer = await fetch(url + path, {
        headers: token === null ? {} : { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(LIMIT_MILLISECONDS),
      });
      const text = await answer.text();
      return answer.ok ? text : null;
    } catch {
      return null;
    }
  }
}

/**
 * What a server on another machine says of its own process, and which process that is: the time of its start.
 * @param {import('./prometheus.mjs').Reading} reading
 */
export function toldUsage(reading) {
  const [process, cpuSeconds] = [
    sum(reading, 'lastunit_process_start_time_seconds'),
    sum(reading, 'lastunit_process_cpu_seconds_total'),
  ];
  if (process === null || cpuSeconds === null) return null;
  return {
    process,
    usage: {
      cpuSeconds,
      memoryBytes: sum(reading, 'lastunit_process_resident_bytes'),
      openFiles: sum(reading, 'lastunit_process_open_files'),
    },
  };
}

/** @typedef {Awaited<ReturnType<Sampler["look"]>>} Look */

/** @param {Look} before @param {Look} now @returns {Sample} */
function between(before, now) {
  const seconds = (now.at - before.at) / 1000;
  const cpu = (/** @type {"server"|"generator"} */ who, /** @type {"serverUsage"|"generatorUsage"} */ what) => {
    const [one, other] = [before[what], now[what]];
    // Another process began to count anew.
    if (one === null || other === null || before[who] !== now[who]) return null;
    return round((other.cpuSeconds - one.cpuSeconds) / seconds);
  };
  const [old, metrics] = [before.metrics, now.metrics];
  const commits = old && metrics && growth(old, metrics, 'lastunit_commit_seconds_count');
  const events = old && metrics && growth(old, metrics, 'lastunit_batch_events_sum');
  const p99 = old && metrics && quantileBetween(old, metrics, 'lastunit_commit_seconds', 0.99);
  const sold = old && metrics && quantileBetween(old, metrics, 'lastunit_request_seconds', 0.99, SOLD);
  const gauge = (/** @type {string} */ name) => metrics && sum(metrics, name);
  const passed = before.machine && now.machine && now.machine.all - before.machine.all;
  return {
    at: now.at,
    stock: now.stock,
    cpu: cpu('server', 'serverUsage'),
    memoryBytes: now.serverUsage?.memoryBytes ?? null,
    openFiles: now.serverUsage?.openFiles ?? null,
    generatorCpu: cpu('generator', 'generatorUsage'),
    machineCpu:
      passed && before.machine && now.machine ? round((now.machine.busy - before.machine.busy) / passed) : null,
    commitsPerSecond: commits === null ? null : round(commits / seconds),
    eventsPerCommit: commits && events !== null ? round(events / commits) : null,
    commitP99: p99 === null ? null : round(p99 * 1000),
    purchaseP99: sold === null ? null : round(sold * 1000),
    projectionLagSeconds: gauge('lastunit_projection_lag_seconds'),
    queueDepth: gauge('lastunit_queue_depth'),
    inFlight: gauge('lastunit_inflight_commands'),
    sheddingLevel: gauge('lastunit_shedding_level'),
    connections: gauge('lastunit_connections'),
    dataBytes: now.dataBytes,
  };
}

/**
 * The samples as result.json has them: in seconds since the first customer.
 * @param {Sample[]} samples
 * @param {number} start
 * @param {number} end
 */
export function since(samples, start, end) {
  return samples
    .filter(({ at }) => at >= start - EVERY_MILLISECONDS && at <= end + 1000)
    .map((sample) => ({ ...sample, at: round(Math.max(0, sample.at - start) / 1000) }));
}

/**
 * Cores of the generator's machine that neither it nor the server used, on average: Postgres, the runner, and whatever
 * else was going on.
 * @param {Sample[]} samples
 * @param {number} cores
 * @param {boolean} isHere whether the server runs on this machine too
 */
export function usedByOthers(samples, cores, isHere) {
  const known = samples.flatMap(({ machineCpu, cpu, generatorCpu }) => {
    const server = isHere ? cpu : 0;
    return machineCpu === null || server === null || generatorCpu === null
      ? []
      : [machineCpu * cores - server - generatorCpu];
  });
  if (known.length === 0) return null;
  return Math.max(0, round(known.reduce((sum, value) => sum + value, 0) / known.length));
}
