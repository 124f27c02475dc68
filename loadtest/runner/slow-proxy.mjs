// A TCP proxy that can make what lies behind it slow: it stands between the server and the Postgres of
// its journal, so that every commit takes as long as on a slow disk, or stalls as on a hanging one.

import net from 'node:net';
import { freePort } from './port.mjs';

export class SlowProxy {
  /** @param {number} port of what lies behind */
  constructor(port) {
    this.target = port;
    this.port = 0;
    /** How much later every answer arrives, in milliseconds. */
    this.delay = 0;
    /** While it stalls, nothing comes through in either direction. */
    this.stalled = false;
    /** @type {Set<() => void>} */
    this.waiting = new Set();
    /** @type {Set<net.Socket>} */
    this.sockets = new Set();
    this.listener = net.createServer((client) => this.#connect(client));
  }

  /** @param {number} port of what lies behind */
  static async create(port) {
    const proxy = new SlowProxy(port);
    proxy.port = await freePort();
    await new Promise((resolve, reject) => {
      proxy.listener.on('error', reject);
      proxy.listener.listen(proxy.port, '127.0.0.1', () => resolve(undefined));
    });
    return proxy;
  }

  /** @param {boolean} stalled */
  stall(stalled) {
    this.stalled = stalled;
    if (stalled) return;
    for (const go of this.waiting) go();
    this.waiting.clear();
  }

  close() {
    this.listener.close();
    for (const socket of this.sockets) socket.destroy();
  }

  /** @param {net.Socket} client */
  #connect(client) {
    const server = net.connect(this.target, '127.0.0.1');
    for (const [from, to, isAnswer] of /** @type {[net.Socket, net.Socket, boolean][]} */ ([
      [client, server, false],
      [server, client, true],
    ])) {
      this.sockets.add(from);
      from.setNoDelay(true);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
      this.#forward(from, to, isAnswer);
    }
  }

  /**
   * Passes bytes on in their order: each piece waits for the one before it.
   * @param {net.Socket} from
   * @param {net.Socket} to
   * @param {boolean} isAnswer
   */
  #forward(from, to, isAnswer) {
    let before = Promise.resolve();
    from.on('data', (piece) => {
      const due = Date.now() + (isAnswer ? this.delay : 0);
      before = before
        .then(() => this.#until(due))
        .then(() => {
          if (!to.destroyed) to.write(piece);
        });
    });
    from.on('end', () => {
      before = before.then(() => void to.end());
    });
  }

  /** @param {number} due @returns {Promise<void>} */
  async #until(due) {
    const left = due - Date.now();
    if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
    if (this.stalled) await new Promise((resolve) => this.waiting.add(() => resolve(undefined)));
  }
}
