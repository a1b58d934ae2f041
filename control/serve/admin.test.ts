import assert from 'node:assert/strict';
import { Counter } from '@prometheus-io/client';
import { silentLog } from '../../lib/log.ts';
import { serveAdmin, type AdminServer } from './admin.ts';

describe('admin endpoint', () => {
  let admin: AdminServer;
  beforeEach(async () => { admin = await serveAdmin({ host: '127.0.0.1', port: 0, log: silentLog() }); });
  afterEach(() => admin.stop());
  const get = async (path: string, method = 'GET'): Promise<[number, string]> => {
    const response = await fetch(`http://127.0.0.1:${admin.port}${path}`, { method });
    return [response.status, await response.text()];
  };

  it('is live while it turns and ready when every check agrees', async () => {
    let reason: string | null = 'no endpoints yet';
    admin.addCheck('destination', () => reason);
    admin.addCheck('policy', () => null);
    assert.deepEqual(await get('/live'), [200, 'live\n']);
    assert.deepEqual(await get('/ready?x'), [503, 'destination: no endpoints yet\n']);
    reason = null;
    assert.deepEqual(await get('/ready'), [200, 'ready\n']);
    reason = 'gone';
    admin.removeCheck('destination');
    assert.deepEqual(await get('/ready'), [200, 'ready\n']);
  });

  it('shows the metrics of its registry', async () => {
    new Counter({ name: 'things_total', help: 'Things.', registers: [admin.registry] }).inc(3);
    const [status, body] = await get('/metrics');
    assert.equal(status, 200);
    assert.match(body, /^things_total 3$/m);
  });

  it('answers everything else', async () => {
    assert.deepEqual(await get('/nothing'), [404, 'not found\n']);
    assert.equal((await get('/live', 'POST'))[0], 405);
    assert.deepEqual(await get('/live', 'HEAD'), [200, '']);
  });
});
