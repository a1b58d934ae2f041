import assert from 'node:assert/strict';
import zlib from 'node:zlib';
import { ManualClock } from '../../lib/clock.ts';
import { parseEnv } from '../env.ts';
import { Log } from '../log.ts';
import { field, RequestHead, type Fields, type ResponseHead, type ResponseStream } from '../message/contract.ts';
import { Registry } from '../telemetry/registry.ts';
import { adminService, type AdminDeps } from './server.ts';

class Client implements ResponseStream {
  status = 0;
  fields: Fields = [];
  body = Buffer.alloc(0);
  length = -1;
  ended = false;
  informational(): void {}
  head(h: ResponseHead): void {
    this.status = h.status;
    this.fields = h.fields;
    this.length = h.contentLength;
  }
  data(buf: Buffer, start: number, end: number): void { this.body = Buffer.concat([this.body, buf.subarray(start, end)]); }
  end(): void { this.ended = true; }
  reset(): void {}
  credit(): void {}
}

const ENV = {
  MESH_PROXY_IDENTITY_LOCAL_NAME: 'a.b', MESH_PROXY_IDENTITY_TOKEN_FILE: '/t', MESH_PROXY_IDENTITY_TRUST_ANCHORS: 'PEM', MESH_PROXY_POLICY_WORKLOAD: '{}',
  MESH_PROXY_IDENTITY_SVC_ADDR: 'localhost:1', MESH_PROXY_DESTINATION_SVC_ADDR: 'localhost:2', MESH_PROXY_POLICY_SVC_ADDR: 'localhost:3',
};

describe('admin port', () => {
  const setup = (): { deps: AdminDeps; ask: (method: string, path: string, options?: { body?: string; loopback?: boolean; fields?: Fields }) => Client; ended: () => number } => {
    let shutdowns = 0;
    const clock = new ManualClock();
    const deps: AdminDeps = {
      registry: new Registry(), log: new Log('info', () => {}, () => clock.wall()), env: parseEnv(ENV), ready: () => false, shutdown: () => { shutdowns++; },
      identity: () => ({ identity: 'a.b', chain: '', anchors: 'PEM' }),
    };
    const ask = (method: string, path: string, { body = '', loopback = true, fields = [] }: { body?: string; loopback?: boolean; fields?: Fields } = {}): Client => {
      const client = new Client();
      const up = adminService(deps, loopback)(new RequestHead(method, 'http', 'x', path, fields), body === '', client);
      if (body !== '') {
        up.data(Buffer.from(body), 0, body.length);
        up.end(null);
      }
      assert.equal(client.ended, true);
      return client;
    };
    return { deps, ask, ended: () => shutdowns };
  };

  it('serves metrics, compressed when they are many and the client wants that', () => {
    const { deps, ask } = setup();
    assert.match(ask('GET', '/metrics', { loopback: false }).body.toString(), /proxy_metric_series 2/);
    for (let i = 0; i < 1000; i++) deps.registry.counter(`c${i}`, 'C.').with({}).value = i;
    const plain = ask('GET', '/metrics?x=1');
    const packed = ask('GET', '/metrics', { fields: ['accept-encoding', 'deflate, gzip;q=1.0'] });
    assert.equal(field(plain.fields, 'content-encoding'), undefined);
    assert.equal(field(packed.fields, 'content-encoding'), 'gzip');
    assert.equal(packed.length, packed.body.length);
    assert.ok(packed.length < plain.length / 3);
    assert.match(zlib.gunzipSync(packed.body).toString(), /^c999 999$/m);
    const head = ask('HEAD', '/metrics');
    assert.deepEqual([head.status, head.body.length, head.length > 0], [200, 0, true]);
  });

  it('makes a long exposition piece by piece, as fast as it is read', () => {
    const { deps } = setup();
    const family = deps.registry.counter('c_total', 'C.');
    for (let i = 0; i < 8000; i++) family.with({ x: `${i}`.padStart(60, '0') }).value = 1;
    const client = new Client();
    const up = adminService(deps, false)(new RequestHead('GET', 'http', 'x', '/metrics', ['accept-encoding', 'gzip']), true, client);
    assert.deepEqual([client.ended, client.length, client.body.length < 200_000], [false, -1, true]);
    let read = 0;
    for (let turns = 0; !client.ended; turns++) {
      assert.ok(turns < 100);
      const n = client.body.length - read;
      read += n;
      up.credit(n);
    }
    assert.equal(client.body.toString(), deps.registry.expose());
    up.credit(5);
  });

  it('tells ready from live', () => {
    const { deps, ask } = setup();
    assert.deepEqual([ask('GET', '/live').status, ask('GET', '/ready').status], [200, 503]);
    deps.ready = () => true;
    assert.equal(ask('GET', '/ready').body.toString(), 'ready\n');
  });

  it('shows the configuration', () => {
    const shown = JSON.parse(setup().ask('GET', '/env.json').body.toString()) as { identity: { name: string; anchors: string; tokenFile: string } };
    assert.deepEqual([shown.identity.name, shown.identity.anchors, shown.identity.tokenFile], ['a.b', '(given inline)', '/t']);
  });

  it('tells whom the proxy is and whom it trusts', () => {
    const { ask } = setup();
    assert.deepEqual(JSON.parse(ask('GET', '/identity', { loopback: false }).body.toString()), { identity: 'a.b', chain: '', anchors: 'PEM' });
    assert.equal(ask('POST', '/identity').status, 405);
  });

  it('changes the log level, from loopback only', () => {
    const { deps, ask } = setup();
    assert.equal(ask('PUT', '/proxy-log-level', { body: 'debug', loopback: false }).status, 403);
    assert.equal(ask('PUT', '/proxy-log-level', { body: 'loud' }).status, 400);
    assert.equal(deps.log.level, 'info');
    assert.equal(ask('PUT', '/proxy-log-level', { body: 'warn,linkerd=debug\n' }).status, 204);
    assert.equal(ask('GET', '/proxy-log-level').body.toString(), 'debug\n');
  });

  it('ends the process, from loopback only and by POST only', () => {
    const { deps, ask, ended } = setup();
    const wrong = ask('GET', '/shutdown');
    assert.deepEqual([wrong.status, field(wrong.fields, 'allow')], [405, 'POST']);
    assert.equal(ask('POST', '/shutdown', { loopback: false }).status, 403);
    assert.equal(ended(), 0);
    deps.env.shutdownEndpoint = false;
    assert.equal(ask('POST', '/shutdown').status, 404);
    deps.env.shutdownEndpoint = true;
    assert.equal(ask('POST', '/shutdown').status, 200);
    assert.equal(ended(), 1);
  });

  it('says what there is', () => {
    const { ask } = setup();
    assert.match(ask('GET', '/').body.toString(), /not found; there are \/metrics .*\/shutdown/);
    assert.equal(ask('GET', '/').status, 404);
    assert.equal(ask('DELETE', '/live').status, 405);
    assert.equal(ask('GET', '/__proto__').status, 404);
  });
});
