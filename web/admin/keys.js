// Keys: API keys for machines. A new one is shown once.

import { ask } from '../shared/api.js';
import { local } from '../shared/clock.js';
import { byId, field, list, make, onSend, press, say, setText, setVisible } from '../shared/dom.js';
import { onSession } from '../shared/session.js';

/** @typedef {import('../shared/documents.js').ApiKey} ApiKey */
/**
 * @template T
 * @typedef {import('../shared/documents.js').Page<T>} Page
 */

const SCOPES = [
  'orders:read',
  'orders:write',
  'purchases:write',
  'stock:write',
  'products:write',
  'sales:write',
  'metrics:read',
  'admin',
];

export function wireKeys() {
  const boxes = SCOPES.map((scope) =>
    make('label', {}, make('input', { type: 'checkbox', name: 'scope', value: scope }), ` ${scope}`),
  );
  byId('scopes', HTMLFieldSetElement).append(...boxes);
  // Whoever comes next has no business with it.
  onSession(hide);
  byId('key-hide', HTMLButtonElement).addEventListener('click', hide);
  const form = byId('key-form', HTMLFormElement);
  onSend(form, byId('keys-outcome', HTMLElement), async (data) => {
    const expires = field(data, 'expires');
    const body = {
      name: field(data, 'name'),
      scopes: data.getAll('scope').map(String),
      ...(expires ? { expiresAt: new Date(expires).toISOString() } : {}),
    };
    /** @type {ApiKey} */
    const made = await ask('POST', '/api/v1/api-keys', { body });
    form.reset();
    setText(byId('key', HTMLElement), made.key ?? '');
    setVisible(byId('key-shown', HTMLElement), true);
    await loadKeys();
    return `The key ${made.name} is made.`;
  });
}

function hide() {
  setText(byId('key', HTMLElement), '');
  setVisible(byId('key-shown', HTMLElement), false);
}

export async function loadKeys() {
  try {
    /** @type {Page<ApiKey>} */
    const page = await ask('GET', '/api/v1/api-keys?limit=100');
    list(byId('keys', HTMLUListElement), page.data, (key) => `${key.id}-${key.revokedAt ?? ''}`, create);
  } catch (error) {
    say(byId('keys-outcome', HTMLElement), 'bad', error instanceof Error ? error.message : String(error));
  }
}

/** @param {ApiKey} key */
function create(key) {
  const revoke = make('button', { type: 'button', class: 'small second', 'aria-label': `Revoke ${key.name}` }, 'Revoke');
  revoke.addEventListener('click', () => {
    void press(revoke, byId('keys-outcome', HTMLElement), async () => {
      await ask('DELETE', `/api/v1/api-keys/${key.id}`);
      hide();
      await loadKeys();
      return `The key ${key.name} is revoked.`;
    });
  });
  const end = key.expiresAt ? ` · ends ${local(key.expiresAt)}` : '';
  return make(
    'li',
    { class: 'item' },
    make(
      'div',
      {},
      make('h3', {}, key.name),
      make('p', { class: 'quiet' }, `${key.scopes.join(', ')} · made ${local(key.createdAt)}${end}`),
    ),
    key.revokedAt ? make('span', { class: 'tag', 'data-tone': 'bad' }, 'revoked') : revoke,
  );
}
