// Dead letters: what was given up, to be tried again or done by a person.

import { ask } from '../shared/api.js';
import { local } from '../shared/clock.js';
import { byId, list, make, nameAfter, press, say, setText, setVisible } from '../shared/dom.js';
import { show } from '../shared/money.js';

/** @typedef {import('../shared/documents.js').Job} Job */
/**
 * @template T
 * @typedef {import('../shared/documents.js').Page<T>} Page
 */

const SHOWN_MAX = 50;

/** @type {Record<string, string>} */
const KINDS = {
  refund: 'Money goes back',
  late_payment: 'An order that was paid too late',
  void: 'The provider takes no money',
  cart: 'A cart comes back',
};

export async function loadLetters() {
  try {
    /** @type {Page<Job>} */
    const page = await ask('GET', `/api/v1/admin/dead-letters?limit=${SHOWN_MAX}`);
    const jobs = page.data;
    list(byId('letters', HTMLUListElement), jobs, (job) => `${job.id}-${job.diedAt ?? ''}`, create);
    setVisible(byId('letters-none', HTMLElement), jobs.length === 0);
    const more = page.nextCursor === null ? '' : ' and more';
    setText(byId('letters-count', HTMLElement), `${jobs.length}${more}`);
  } catch (error) {
    say(byId('letters-outcome', HTMLElement), 'bad', error instanceof Error ? error.message : String(error));
  }
}

/** @param {Job} job */
function create(job) {
  const outcome = byId('letters-outcome', HTMLElement);
  const tries = job.attempts === 1 ? '1 try' : `${job.attempts} tries`;
  const amount = job.amount ? `: ${show(job.amount)}` : '';
  const title = make('h3', {}, `${KINDS[job.kind] ?? job.kind}${amount}`);
  const about = make('p', { class: 'quiet' }, `Order ${job.orderId} · ${tries}, owed since ${local(job.createdAt)}`);
  const button = (/** @type {string} */ label, /** @type {string} */ verb, /** @type {string} */ words) => {
    const made = make('button', { type: 'button', class: 'small second' }, label);
    nameAfter(made, title, about);
    made.addEventListener('click', () => {
      void press(made, outcome, async () => {
        await ask('POST', `/api/v1/admin/dead-letters/${job.id}/${verb}`);
        await loadLetters();
        return words;
      });
    });
    return made;
  };
  return make(
    'li',
    { class: 'item' },
    make(
      'div',
      {},
      title,
      about,
      job.lastError ? make('p', { class: 'quiet' }, job.lastError) : null,
    ),
    make(
      'div',
      { class: 'row' },
      button('Try again', 'retry', 'It is tried again.'),
      button('I have done it', 'done', 'It counts as done.'),
    ),
  );
}
