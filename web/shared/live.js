// Live: one WebSocket for everything a page follows. It connects again by itself, with growing pauses and chance
// in them, says which versions it has, and so gets only what is newer. Values are absolute: the newest is all.

import * as clock from './clock.js';
import { freshToken, onSession } from './session.js';

/** @typedef {'connecting' | 'live' | 'reconnecting' | 'offline'} LiveState */

/**
 * @typedef {object} Follower
 * @property {(value: any) => void} shown
 * @property {(detail: string) => void} [refused]
 */

/**
 * What the server says.
 * @typedef {{ type: 'welcome', time: string, topicsMax: number }
 *   | { type: 'snapshot' | 'update', topic: string, version: string, data: unknown }
 *   | { type: 'error', topic?: string, code: string, detail: string, retryable: boolean }
 *   | { type: 'pong', time: string }
 *   | { type: 'authenticated' | 'unsubscribed' }} Told
 */

const PAUSE_MS = 250;
const PAUSE_MS_MAX = 8_000;
/** A connection that says nothing for this long after it was asked to is dead, whatever the system thinks. */
const ASK_EVERY_MS = 15_000;
const ANSWER_MS_MAX = 10_000;
/** A topic that was refused for the moment is asked for again. */
const AGAIN_MS = 5_000;

/** @type {Map<string, Set<Follower>>} */
const followers = new Map();
/** The newest value of each topic, for whoever follows it later, with its version. */
/** @type {Map<string, { version: string, data: unknown }>} */
const values = new Map();
/** @type {Set<(state: LiveState) => void>} */
const watchers = new Set();

/** @type {WebSocket | null} */
let socket = null;
/** The socket that was told what is followed; topics that come later are said one by one. */
/** @type {WebSocket | null} */
let greeted = null;
/** @type {LiveState} */
let state = 'connecting';
let tries = 0;
let askedAt = 0;
/** @type {number | undefined} */
let timer;
/** @type {number | undefined} */
let death;
/** Topics to say to the server at the end of this turn: one message, not one each. */
/** @type {Set<string>} */
const pending = new Set();

/**
 * Follows a topic until the function that is given back is called.
 * @param {string} topic
 * @param {Follower['shown']} shown
 * @param {Follower['refused']} [refused]
 */
export function follow(topic, shown, refused) {
  const follower = { shown, refused };
  const known = followers.get(topic);
  if (known) known.add(follower);
  else followers.set(topic, new Set([follower]));
  const value = values.get(topic);
  if (value) shown(value.data);
  if (!known) say(topic);
  return () => {
    const left = followers.get(topic);
    left?.delete(follower);
    if (left?.size === 0) {
      followers.delete(topic);
      say(topic);
    }
  };
}

/** @param {(state: LiveState) => void} watcher */
export function onLive(watcher) {
  watchers.add(watcher);
  watcher(state);
}

/** Connects; the session must have begun. */
export function startLive() {
  connect();
  addEventListener('online', () => connect());
  addEventListener('offline', () => become('offline'));
  // Somebody else sees other things: nothing of before is worth keeping.
  onSession(() => {
    values.clear();
    connect();
  });
  setInterval(beat, ASK_EVERY_MS);
}

/** @param {LiveState} next */
function become(next) {
  if (state === next) return;
  state = next;
  for (const watcher of watchers) watcher(state);
}

function connect() {
  clearTimeout(timer);
  clearTimeout(death);
  const last = socket;
  const url = new URL('/ws', location.href);
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  const opened = new WebSocket(url, ['lastunit.v1']);
  socket = opened;
  last?.close(1000);
  opened.addEventListener('open', () => void greet(opened));
  opened.addEventListener('message', (event) => {
    if (socket === opened) hear(/** @type {Told} */ (JSON.parse(String(event.data))));
  });
  opened.addEventListener('close', () => {
    if (socket === opened) lost();
  });
}

/** @param {WebSocket} opened */
async function greet(opened) {
  const token = await freshToken();
  if (socket !== opened || opened.readyState !== WebSocket.OPEN) return;
  if (token) send({ type: 'authenticate', token });
  greeted = opened;
  subscribe([...followers.keys()]);
}

/** Connects again after a while: longer each time, and not all pages at the same moment. */
function lost() {
  [socket, greeted] = [null, null];
  clearTimeout(death);
  become(navigator.onLine ? 'reconnecting' : 'offline');
  const longest = Math.min(PAUSE_MS_MAX, PAUSE_MS * 2 ** tries);
  tries += 1;
  clearTimeout(timer);
  timer = setTimeout(connect, longest * (0.25 + 0.75 * Math.random()));
}

/** @param {Told} told */
function hear(told) {
  clearTimeout(death);
  switch (told.type) {
    case 'welcome':
      tries = 0;
      clock.heard(told.time);
      become('live');
      // The next one tells how long the way is.
      beat();
      break;
    case 'pong':
      clock.heard(told.time, (performance.now() - askedAt) / 2);
      break;
    case 'snapshot':
    case 'update':
      values.set(told.topic, { version: told.version, data: told.data });
      for (const follower of followers.get(told.topic) ?? []) follower.shown(told.data);
      break;
    case 'error':
      refused(told.topic, told.detail, told.retryable);
      break;
    default:
  }
}

/**
 * @param {string | undefined} topic
 * @param {string} detail
 * @param {boolean} retryable
 */
function refused(topic, detail, retryable) {
  if (topic === undefined) return;
  for (const follower of followers.get(topic) ?? []) follower.refused?.(detail);
  if (retryable) setTimeout(() => say(topic), AGAIN_MS);
}

function beat() {
  if (socket?.readyState !== WebSocket.OPEN) return;
  askedAt = performance.now();
  send({ type: 'ping' });
  const asked = socket;
  clearTimeout(death);
  death = setTimeout(() => {
    if (socket !== asked) return;
    asked.close();
    lost();
  }, ANSWER_MS_MAX);
}

/** @param {string} topic */
function say(topic) {
  pending.add(topic);
  if (pending.size > 1) return;
  queueMicrotask(() => {
    const topics = [...pending];
    pending.clear();
    const gone = topics.filter((name) => !followers.has(name));
    // Only now: whoever follows it again in the same turn has it, and the server does not say it twice.
    for (const name of gone) values.delete(name);
    if (greeted !== socket) return;
    if (gone.length > 0) send({ type: 'unsubscribe', topics: gone });
    subscribe(topics.filter((name) => followers.has(name)));
  });
}

/** @param {string[]} topics */
function subscribe(topics) {
  if (topics.length === 0) return;
  /** @type {Record<string, string>} */
  const versions = {};
  for (const topic of topics) {
    const value = values.get(topic);
    if (value) versions[topic] = value.version;
  }
  send({ type: 'subscribe', topics, versions });
}

/** @param {unknown} message */
function send(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}
