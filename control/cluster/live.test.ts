import assert from 'node:assert/strict';
import { Live } from './live.ts';
import type { Changes } from './live.ts';
import type { ClusterView } from './view.ts';
import { token, tracked } from './view.ts';

/** A view of namespaces only, whose label `v` is the value, changed by hand. */
function byHand() {
  const values = new Map<string, string>();
  const listeners = new Set<(token: string) => void>();
  let sync!: () => void;
  const view = { namespace: (name: string) => (values.has(name) ? { metadata: { name, labels: { v: values.get(name)! } } } : undefined) } as ClusterView;
  const changes: Changes = {
    view,
    tracked: (note) => tracked(view, note),
    synced: new Promise<void>((resolve) => { sync = resolve; }),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const set = (name: string, value: string) => {
    values.set(name, value);
    for (const listener of listeners) listener(token.namespace(name));
  };
  return { changes, set, sync, listeners };
}

describe('live values', () => {
  it('computes once for all readers, again when what it read changes, and forgets when the last one leaves', async () => {
    const { changes, set, sync, listeners } = byHand();
    const computed: string[] = [];
    const pending: (() => void)[] = [];
    const live = new Live<string>({
      changes,
      soon: (fn) => pending.push(fn),
      onError: (_, error) => assert.fail(String(error)),
      compute(key, view, previous) {
        computed.push(key);
        const value = key.split('+').map((name) => view.namespace(name)?.metadata.labels?.['v'] ?? '-').join('');
        return value === previous ? previous : value;
      },
    });
    set('a', '1');
    const stop = new AbortController();
    const one = live.follow('a+b', stop.signal);
    const two = live.follow('a+b', stop.signal);
    const first = one.next();
    assert.deepEqual(computed, []);
    sync();
    assert.equal((await first).value, '1-');
    assert.equal((await two.next()).value, '1-');
    assert.deepEqual(computed, ['a+b']);

    const next = one.next();
    set('b', '2');
    set('b', '3');
    set('c', '9');
    assert.equal(pending.length, 1);
    pending.pop()!();
    assert.equal((await next).value, '13');
    assert.deepEqual(computed, ['a+b', 'a+b']);

    set('a', '4');
    pending.pop()!();
    set('a', '5');
    pending.pop()!();
    assert.equal((await two.next()).value, '53', 'a slow reader gets the newest only');
    assert.equal(await live.once('a'), '5');

    const last = [one.next(), two.next()];
    stop.abort();
    await Promise.all(last);
    await one.return();
    await two.return();
    assert.equal(live.size, 0);
    set('a', '6');
    assert.equal(pending.length, 0);
    live.close();
    assert.equal(listeners.size, 0);
  });

  it('keeps the last value when a computation fails, and ends a reader that leaves before the first sync', async () => {
    const { changes, set, sync } = byHand();
    const errors: string[] = [];
    const live = new Live<string>({
      changes,
      soon: (fn) => fn(),
      onError: (key, error) => errors.push(`${key}: ${(error as Error).message}`),
      compute(_, view) {
        const v = view.namespace('a')?.metadata.labels?.['v'] ?? '-';
        if (v === 'bad') throw new Error('cannot');
        return v;
      },
    });
    const early = new AbortController();
    const never = live.follow('k', early.signal).next();
    early.abort();
    assert.equal((await never).done, true);
    sync();
    const stop = new AbortController();
    const values = live.follow('k', stop.signal);
    assert.equal((await values.next()).value, '-');
    const next = values.next();
    set('a', 'bad');
    set('a', 'good');
    assert.equal((await next).value, 'good');
    assert.deepEqual(errors, ['k: cannot']);
    stop.abort();
    assert.equal((await values.next()).done, true);
  });
});
