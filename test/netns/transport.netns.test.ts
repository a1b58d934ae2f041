import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { identity, NetnsMesh, NOBODY, PROXY_UID } from './mesh.ts';
import { Program, run, sh, type Pod } from './namespaces.ts';

const PORTS = [80, 22, 21, 25, 33, 82, 83, 63, 443];
const APP: Record<number, number> = { 80: 8000, 22: 2222, 21: 2121, 25: 2525, 33: 3306, 82: 8002, 83: 8003, 63: 6380, 443: 8443 };

/** Peers that vanish are given up on sooner than by default. */
const QUICK = { MESH_PROXY_OUTBOUND_CONNECT_KEEPALIVE: '1s', MESH_PROXY_OUTBOUND_CONNECT_USER_TIMEOUT: '2s' };

interface Said { got?: string; error?: string; greeted?: number }

describe('transport through real iptables', function () {
  const mesh = new NetnsMesh();
  let client: Pod;
  let server: Pod;

  const script = (): string => path.join(mesh.folder, 'transport-client.mjs');
  async function ask(...args: string[]): Promise<Said> {
    const { output } = await run(client, NOBODY, [mesh.node, script(), ...args]);
    return JSON.parse(output) as Said;
  }

  before(async () => {
    await mesh.start(['transport-app.mjs', 'transport-client.mjs', 'client.mjs']);
    client = await mesh.pod('t', 6);
    server = await mesh.pod('t', 7);
    for (const [v, address, ip] of [[4, '10.96.0.20', server.ip], [6, '[fd96::20]', server.ip6]] as const) {
      for (const port of PORTS) {
        const endpoint = { ip, port: APP[port]!, transportPort: 4143, labels: { pod: `server-${v}` } };
        mesh.control.services.set(`${v === 6 ? 'fd96::20' : address}:${port}`, { endpoints: [port === 443 ? { ...endpoint, transportPort: 0 } : { ...endpoint, identity: identity('server') }] });
      }
    }
    await mesh.redirect(client);
    await mesh.redirect(server);
    const files = ['key', 'cert'].map((f) => path.join(mesh.folder, `${f}.pem`));
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', files[0]!, '-out', files[1]!, '-subj', '/CN=own.test', '-days', '2'], { stdio: 'ignore' });
    execFileSync('chmod', ['644', ...files]);
    const [c, s, app] = [mesh.proxy(client, 'client', QUICK), mesh.proxy(server, 'server', { MESH_PROXY_INBOUND_ACCEPT_USER_TIMEOUT: '2s' }), mesh.app(server, 'transport-app.mjs', ...files)];
    await Promise.all([c.says('certified'), s.says('certified'), app.says('serving')]);
  });
  after(() => mesh.stop());

  for (const [family, host, url] of [['IPv4', '10.96.0.20', '10.96.0.20'], ['IPv6', 'fd96::20', '[fd96::20]']] as const) {
    it(`takes ${family} to the application over mesh TLS`, async () => {
      const r = await mesh.client(client, ['send', `http://${url}/`, '{"method":"POST","body":"whole"}']);
      const answer = JSON.parse(r.output) as { status: number; body: string };
      assert.deepEqual([answer.status, answer.body], [200, 'whole'], r.output);
      assert.match(await mesh.metrics(client), new RegExp(`tcp_open_total\\{direction="outbound",peer="dst",[^}]*dst_pod="server-${family.slice(3)}"[^}]*tls="true",server_id="${identity('server')}"\\} [1-9]`));
    });

    it(`brings greetings over ${family}, each before its client says a word`, async () => {
      for (const [port, greeting] of [['33', '\x4a\0\0\0\x0a8.0.36'], ['22', 'SSH-2.0'], ['21', '220 (vsFTPd'], ['25', '220 mail.test']] as const) {
        const r = await ask('greet', host, port, 'hello');
        assert.ok(r.got?.startsWith(greeting) === true, JSON.stringify(r));
        assert.ok(r.got.endsWith('you said hello'), JSON.stringify(r));
      }
    });

    it(`keeps what was said when a client of ${family} ends right after it`, async () => {
      assert.deepEqual(await ask('half', host, '82', '\\u0001half'), { got: '\x01half\nthe end after 5' });
    });
  }

  it('lets a client speak first that does not speak HTTP', async () => {
    assert.deepEqual(await ask('ask', '10.96.0.20', '63', '*1\\r\\n$4\\r\\nPING\\r\\n'), { got: '+PONG\r\n' });
  });

  it('passes a reset of the server on, through both proxies', async () => {
    assert.deepEqual(await ask('ask', '10.96.0.20', '83', '\\u0001x'), { error: 'ECONNRESET' });
  });

  it("carries the application's own TLS, and records its server name", async () => {
    assert.deepEqual(await ask('tls', '10.96.0.20', '443', 'own.test'), { got: 'own TLS' });
    assert.match(await mesh.metrics(server), /tcp_open_total\{direction="inbound",peer="src",tls="opaque",sni="own.test",target_port="8443"\} 1/);
  });

  it('resumes TLS: one handshake with certificates, then none', async () => {
    for (let i = 0; i < 3; i++) assert.equal((await ask('half', '10.96.0.20', '82', '\\u0001again')).error, undefined);
    for (const [pod, direction] of [[client, 'outbound'], [server, 'inbound']] as const) {
      const m = await mesh.metrics(pod);
      assert.ok(Number(new RegExp(`tls_handshakes_total\\{direction="${direction}",resumed="true"\\} (\\d+)`).exec(m)?.[1]) >= 3, m.split('\n').filter((l) => l.startsWith('tls_')).join('\n'));
    }
  });

  it('watches over idle connections', async () => {
    const idle = new Program(client, NOBODY, [mesh.node, script(), 'idle', '10.96.0.20', '82', '\\u0001']);
    await idle.says('got');
    const ss = await sh('nsenter', [`--net=/run/netns/${server.name}`, 'ss', '-tno', 'state', 'established', 'sport', '=', ':4143']);
    assert.match(ss, /timer:\(keepalive,/);
    idle.child.stdin!.write('still here');
    await idle.done();
    assert.match(idle.output, /still here/);
  });

  it('gives up on a peer that has vanished, whether something was said or not', async () => {
    const block = async (flag: '-I' | '-D'): Promise<string> => sh('nsenter', [`--net=/run/netns/${server.name}`, 'iptables-nft', flag, 'INPUT', '-p', 'tcp', '--dport', '4143', '-j', 'DROP']);
    const idle = [0, 1].map(() => new Program(client, NOBODY, [mesh.node, script(), 'idle', '10.96.0.20', '82', '\\u0001']));
    for (const p of idle) await p.says('got');
    await block('-I');
    idle[0]!.child.stdin!.write('anybody there');
    for (const p of idle) await p.done();
    await block('-D');
    for (const p of idle) assert.match(p.output, /"error":"ECONNRESET"/);
    assert.equal((await ask('half', '10.96.0.20', '82', '\\u0001back')).error, undefined);
  });

  it('waits for a client that does not read for longer than a peer may be silent', async () => {
    const r = await ask('pause', '10.96.0.20', '82', '20000000');
    assert.deepEqual(r, { got: '20000000 bytes after a pause' });
  });

  it('leaves IPv6 alone when told to', async () => {
    const r = await run(client, 0, [process.execPath, path.resolve(import.meta.dirname, '../../proxy/redirect/main.ts'), '--proxy-uid', String(PROXY_UID), '--ipv6', 'false', '--simulate']);
    assert.doesNotMatch(r.output, /# ipv6/);
    const rules = await sh('nsenter', [`--net=/run/netns/${client.name}`, 'ip6tables-nft-save', '-t', 'nat']);
    assert.match(rules, /-A MESH_OUTBOUND -p tcp -j REDIRECT --to-ports 4140/);
  });
});
