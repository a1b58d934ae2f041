import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import type { Init } from '../../lib/grpc/wire.ts';
import { Authority, createRoot } from '../../lib/pki/authority.ts';
import { pem } from '../discover/certify.ts';
import type { OutboundPolicy, TlsRoute, TlsRoute_Rule } from '../../api/gen/outbound_pb.js';
import { backend, duration, meta, tlsPolicy } from '../testing/policies.ts';
import { World } from './world.testkit.ts';

describe('routes of connections, through the proxy', () => {
  const world = new World();
  let policy: Init<OutboundPolicy>;
  let ca = '';

  const first = (...names: string[]): Init<TlsRoute_Rule>['backends'] => ({ kind: { case: 'firstAvailable', value: { backends: names.map((n) => ({ backend: backend(n), filters: [] })) } } });
  const tlsRoute = (name: string, snis: TlsRoute['snis'][number]['match'][], rule: Init<TlsRoute_Rule>): Init<TlsRoute> =>
    ({ metadata: meta('TLSRoute', name), snis: snis.map((match) => ({ match })) as Init<TlsRoute>['snis'], rules: [{ filters: [], ...rule }] });
  const opaquePolicy = (rule: object): Init<OutboundPolicy> =>
    ({ metadata: meta('Service', 'web'), protocol: { kind: { case: 'opaque', value: { routes: [{ metadata: meta('TCPRoute', 't'), rules: [{ filters: [], ...rule }] }] } } } });

  async function update(p: Init<OutboundPolicy>): Promise<void> {
    policy = p;
    await world.changed();
  }

  /** Who answers TLS for a name; the proxy must pass it through, so the client checks the certificate. */
  function ask(servername: string): Promise<string> {
    return new Promise((resolve) => {
      const s = tls.connect({ host: '127.0.0.1', port: world.proxy.outboundPort, servername, ca, minVersion: 'TLSv1.3' });
      let got = '';
      s.setEncoding('utf8');
      s.on('data', (c: string) => { got += c; });
      s.on('end', () => resolve(got));
      s.on('error', (e: Error & { code?: string }) => resolve(e.code!));
      s.on('close', () => resolve(got || 'closed'));
    });
  }

  function plain(hello: string): Promise<string> {
    return new Promise((resolve) => {
      const s = net.connect(world.proxy.outboundPort, '127.0.0.1', () => s.write(hello));
      let got = '';
      s.setEncoding('utf8');
      s.on('data', (c: string) => { got += c; });
      s.on('error', (e: Error & { code?: string }) => resolve(e.code!));
      s.on('close', () => resolve(got || 'closed'));
    });
  }

  before(async () => {
    const root = await createRoot({ commonName: 'app root', days: 1, now: Date.now() });
    ca = root.certificate;
    const authority = await Authority.load(root, ca, Date.now());
    policy = tlsPolicy(
      tlsRoute('exact', [{ case: 'exact', value: 'a.shop.test' }], { backends: first('blue') }),
      tlsRoute('below', [{ case: 'suffix', value: { reverseLabels: ['test', 'shop'] } as never }], { backends: first('gone', 'green') }),
      tlsRoute('forbidden', [{ case: 'exact', value: 'no.test' }], { filters: [{ kind: { case: 'forbidden', value: {} } }], backends: first('blue') }),
    );
    await world.start(() => policy);
    world.control.services.set('gone', { endpoints: [] });
    for (const name of ['blue', 'green']) {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
      const leaf = await authority.issue({ publicKey, dnsNames: ['a.shop.test', 'b.shop.test', 'no.test', 'else.test'], lifetimeSeconds: 3600, skewSeconds: 10, now: Date.now() });
      const cert = [leaf.der, ...authority.intermediates].map(pem).join('');
      const server = tls.createServer({ key: privateKey.export({ type: 'pkcs8', format: 'pem' }), cert }, (s) => {
        s.on('error', () => {});
        s.end(name);
      });
      world.control.services.set(name, { endpoints: [{ ip: '127.0.0.1', port: await world.listen(server) }] });
    }
    const echo = net.createServer((s) => {
      s.on('error', () => {});
      s.once('data', (d) => s.end(`echo ${d.toString()}`));
    });
    world.control.services.set('echo', { endpoints: [{ ip: '127.0.0.1', port: await world.listen(echo) }] });
  });
  after(async () => { await world.stop(); });

  it('of TLS go by server name, with the bytes untouched', async () => {
    assert.equal(await ask('a.shop.test'), 'blue');
    assert.equal(await ask('b.shop.test'), 'green');
    assert.equal(await ask('no.test'), 'ECONNRESET');
    assert.equal(await ask('else.test'), 'ECONNRESET');
    assert.equal(await plain('GET / HTTP/1.1\r\nhost: x\r\n\r\n'), 'ECONNRESET');
    const text = await world.metrics();
    assert.match(text, /outbound_tls_route_open_total\{[^}]*route_name="exact",hostname="a.shop.test"\} 1/);
    assert.match(text, /outbound_tls_route_close_total\{[^}]*route_name="exact",hostname="a.shop.test",error=""\} 1/);
    assert.match(text, /outbound_tls_route_open_total\{[^}]*route_name="below",hostname="b.shop.test"\} 1/);
    assert.match(text, /outbound_tcp_errors_total\{error="forbidden by policy"\} 1/);
    assert.match(text, /outbound_tcp_errors_total\{error="no route"\} 2/);
  });

  it('of TLS are counted by server name where nothing routes by it', async () => {
    const routes = [{ metadata: meta('TCPRoute', 'any'), rules: [{ filters: [], backends: first('green') }] }];
    await update({ metadata: meta('Service', 'web'), protocol: { kind: { case: 'detect', value: { timeout: duration(10_000), opaque: { routes }, http1: { routes: [] }, http2: { routes: [] } } } } });
    assert.equal(await ask('else.test'), 'green');
    assert.match(await world.metrics(), /outbound_tls_route_open_total\{[^}]*route_name="any",hostname="else.test"\} 1/);
  });

  it('of plain bytes are shared out, refused, or fail over', async () => {
    await update(opaquePolicy({ backends: first('gone', 'echo') }));
    assert.equal(await plain('hello'), 'echo hello');
    // An endpoint that is announced and not there: the connection that finds out goes on to the next backend.
    world.control.services.set('dead', { endpoints: [{ ip: '127.0.0.1', port: 1 }] });
    await update(opaquePolicy({ backends: first('dead', 'echo') }));
    assert.equal(await plain('hello'), 'echo hello');
    const weights = [{ weight: 1, backend: { backend: backend('echo'), filters: [] } }, { weight: 0, backend: { backend: backend('blue'), filters: [] } }];
    await update(opaquePolicy({ backends: { kind: { case: 'randomAvailable', value: { backends: weights } } } }));
    for (let i = 0; i < 5; i++) assert.equal(await plain('hello'), 'echo hello');
    const instead = [{ weight: 1, backend: { backend: backend('gone'), filters: [] }, failover: [{ backend: backend('echo'), filters: [] }] }, { weight: 1, backend: { backend: backend('gone too'), filters: [] } }];
    await update(opaquePolicy({ backends: { kind: { case: 'randomAvailable', value: { backends: instead } } } }));
    for (let i = 0; i < 5; i++) assert.equal(await plain('hello'), 'echo hello');
    await update(opaquePolicy({ filters: [{ kind: { case: 'forbidden', value: {} } }], backends: first('echo') }));
    assert.equal(await plain('hello'), 'ECONNRESET');
    await update(opaquePolicy({ filters: [{ kind: { case: 'invalid', value: { message: 'no such Service' } } }], backends: first('echo') }));
    assert.equal(await plain('hello'), 'ECONNRESET');
    await update(opaquePolicy({ backends: { kind: { case: 'empty', value: {} } } }));
    assert.equal(await plain('hello'), 'ECONNRESET');
    const text = await world.metrics();
    assert.match(text, /outbound_tcp_route_open_total\{[^}]*route_name="t"\} 12/);
    assert.match(text, /outbound_tcp_errors_total\{error="not valid"\} 1/);
  });
});
