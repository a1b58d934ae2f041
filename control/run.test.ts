import assert from 'node:assert/strict';
import { ManualClock, systemClock } from '../lib/clock.ts';
import { silentLog } from '../lib/log.ts';
import type { ControlDeps, StartService } from './deps.ts';
import { runServices, unknownServices } from './run.ts';
import type { AdminServer } from './serve/admin.ts';
import { testConfig, testEnv } from './serve/testing/config.ts';
import { until } from './serve/testing/mesh.ts';

const LINGER_MS = 3000;

describe('services of one process', () => {
  const trace: string[] = [];
  let deps: ControlDeps | null = null;
  const service = (name: string): StartService => async (_env, given) => {
    deps = given;
    trace.push(`${name} started`);
    return { stop: async () => void trace.push(`${name} stopped`) };
  };
  const registry = {
    one: async () => ({ start: service('one') }),
    two: async () => ({ start: service('two') }),
    broken: async () => ({ start: (async () => { throw new Error('port is taken'); }) as StartService }),
    waiting: async () => ({ start: (() => new Promise(() => undefined)) as StartService }),
  };
  const run = (services: string[], signal: AbortSignal, clock?: ManualClock) => runServices({ services, registry, env: testEnv(), config: testConfig, log: silentLog(), clock: clock ?? systemClock, signal, lingerMs: clock ? LINGER_MS : 0 });
  beforeEach(() => {
    trace.length = 0;
    deps = null;
  });

  it('start together, and stop together when told to', async () => {
    const stop = new AbortController();
    const done = run(['one', 'two'], stop.signal);
    await until(() => trace.length === 2);
    stop.abort();
    await done;
    assert.deepEqual(trace, ['one started', 'two started', 'one stopped', 'two stopped']);
  });

  it('are unready at once when told to stop, and serve on for a while', async () => {
    const stop = new AbortController();
    const clock = new ManualClock();
    const done = run(['one'], stop.signal, clock);
    await until(() => trace.length === 1);
    const ready = async (): Promise<number> => (await fetch(`http://127.0.0.1:${(deps!.admin as AdminServer).port}/ready`)).status;
    assert.equal(await ready(), 200);
    stop.abort();
    await new Promise((resolve) => { setImmediate(resolve); });
    assert.equal(await ready(), 503);
    clock.advance(LINGER_MS - 1);
    assert.deepEqual([await ready(), trace], [503, ['one started']]);
    clock.advance(1);
    await done;
    assert.deepEqual(trace, ['one started', 'one stopped']);
  });

  it('stop when one of them does not start', async () => {
    await assert.rejects(run(['one', 'broken'], new AbortController().signal), /port is taken/);
    assert.deepEqual(trace.at(-1), 'one stopped');
  });

  it('end when told to while one of them still waits to start', async () => {
    const stop = new AbortController();
    const done = run(['one', 'waiting'], stop.signal);
    await until(() => trace.length === 1);
    stop.abort();
    await done;
    assert.deepEqual(trace, ['one started', 'one stopped']);
  });

  it('share one admin endpoint, and ask for a certificate only when one of them does', async () => {
    const stop = new AbortController();
    const done = run(['one'], stop.signal);
    await until(() => deps !== null);
    assert.equal(deps!.identity, deps!.identity);
    assert.equal(deps!.identity.current(), null);
    stop.abort();
    await done;
  });

  it('are known by name', () => {
    assert.deepEqual(unknownServices(['one', 'three', 'toString'], registry), ['three', 'toString']);
  });
});
