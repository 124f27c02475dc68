// DOM: the few helpers all pages share. Text is always text: nothing here makes markup of it.

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * The element with this id, which the page has.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return element;
}

/**
 * Makes an element. `on…` are listeners, `true` is an attribute without value, `false` and `null` are left out.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith('on') && typeof value === 'function') {
      element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

/**
 * Changes a text only where it differs: a screen reader speaks of changes.
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * @param {HTMLElement} element
 * @param {boolean} visible
 */
export function setVisible(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

/**
 * Says how something went, in an element that is announced.
 * @param {HTMLElement} region
 * @param {'good' | 'bad' | 'info'} tone
 * @param {string} text
 */
export function say(region, tone, text) {
  region.dataset.tone = tone;
  setText(region, text);
}

/**
 * Shows a list of things by key: elements that stay keep their focus and their fields.
 * @template T
 * @param {HTMLElement} parent
 * @param {T[]} things
 * @param {(thing: T) => string} key
 * @param {(thing: T) => HTMLElement} create
 * @param {(element: HTMLElement, thing: T) => void} [update]
 */
export function list(parent, things, key, create, update) {
  /** @type {Map<string, HTMLElement>} */
  const known = new Map();
  for (const child of parent.children) {
    if (child instanceof HTMLElement && child.dataset.key) known.set(child.dataset.key, child);
  }
  things.forEach((thing, place) => {
    const name = key(thing);
    const element = known.get(name) ?? create(thing);
    element.dataset.key = name;
    known.delete(name);
    update?.(element, thing);
    const there = parent.children[place];
    if (there !== element) parent.insertBefore(element, there ?? null);
  });
  for (const gone of known.values()) gone.remove();
  while (parent.children.length > things.length) parent.lastElementChild?.remove();
}

/**
 * Runs what a button does, which cannot be pressed again meanwhile, and says what came of it.
 * @param {HTMLButtonElement} button
 * @param {HTMLElement} region
 * @param {() => Promise<string>} action
 */
export async function press(button, region, action) {
  if (button.dataset.busy || button.getAttribute('aria-disabled') === 'true') return;
  button.dataset.busy = 'true';
  say(region, 'info', 'One moment …');
  try {
    say(region, 'good', await action());
  } catch (error) {
    say(region, 'bad', error instanceof Error ? error.message : String(error));
  } finally {
    delete button.dataset.busy;
  }
}

/** A question that nobody answers is taken back after this long, in milliseconds. */
const QUESTION_MS = 10_000;

/**
 * For what cannot be undone: the first click asks, the second one does it. Whoever goes elsewhere has said no.
 * @param {HTMLButtonElement} button
 * @param {HTMLElement} region
 * @param {string} question
 * @param {() => Promise<string>} action
 */
export function pressTwice(button, region, question, action) {
  const label = button.textContent ?? '';
  const asked = `${question} Click again`;
  /** @type {number | undefined} */
  let timer;
  const calm = () => {
    clearTimeout(timer);
    setText(button, label);
    if (region.textContent === asked) say(region, 'info', '');
  };
  button.addEventListener('blur', calm);
  // Neither a key that is held down nor a double click is a second thought.
  button.addEventListener('keydown', (event) => {
    if (event.repeat) event.preventDefault();
  });
  button.addEventListener('click', (event) => {
    if (event.detail > 1 || button.dataset.busy || button.getAttribute('aria-disabled') === 'true') return;
    if (button.textContent === asked) {
      calm();
      void press(button, region, action);
      return;
    }
    setText(button, asked);
    say(region, 'info', asked);
    timer = setTimeout(calm, QUESTION_MS);
  });
}

let names = 0;

/** @param {HTMLElement} element */
function idOf(element) {
  if (!element.id) element.id = `name-${(names += 1)}`;
  return element.id;
}

/**
 * Names a button by its text and what it is about, for whoever hears only the button: whatever they say by then.
 * @param {HTMLElement} button
 * @param {...HTMLElement} about
 */
export function nameAfter(button, ...about) {
  button.setAttribute('aria-labelledby', [button, ...about].map(idOf).join(' '));
}

/**
 * Whether a button does anything. Not by `disabled`, which takes the focus away from whoever is on it.
 * @param {HTMLElement} button
 * @param {boolean} enabled
 */
export function setEnabled(button, enabled) {
  const disabled = String(!enabled);
  if (button.getAttribute('aria-disabled') !== disabled) button.setAttribute('aria-disabled', disabled);
}

/**
 * The same for a form, by whichever of its buttons it is sent.
 * @param {HTMLFormElement} form
 * @param {HTMLElement} region
 * @param {(data: FormData) => Promise<string>} action
 */
export function onSend(form, region, action) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const button = event.submitter ?? form.querySelector('button');
    if (button instanceof HTMLButtonElement) {
      void press(button, region, () => action(new FormData(form, button)));
    }
  });
}

/**
 * What a field of a form says, without space around it.
 * @param {FormData} data
 * @param {string} name
 */
export function field(data, name) {
  const value = data.get(name);
  return typeof value === 'string' ? value.trim() : '';
}
