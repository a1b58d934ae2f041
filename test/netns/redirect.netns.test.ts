import assert from 'node:assert/strict';
import { identity, NetnsMesh, PROXY_UID } from './mesh.ts';
import { Program, sh, type Pod } from './namespaces.ts';

describe('the proxy behind real iptables', function () {
  const mesh = new NetnsMesh();
  let client: Pod;
  let server: Pod;
  let proxies: { client: Program; server: Program };

  const get = (pod: Pod, url: string, uid?: number): Promise<{ code: number; output: string }> => mesh.client(pod, ['get', url], uid);
  const metrics = (pod: Pod): Promise<string> => mesh.metrics(pod);

  before(async () => {
    await mesh.start(['app.mjs', 'client.mjs']);
    client = await mesh.pod('r', 1);
    server = await mesh.pod('r', 2);
    const endpoint = (port: number) => [{ ip: server.ip, port, identity: identity('server'), transportPort: 4143, labels: { pod: 'server-1' } }];
    mesh.control.services.set('10.96.0.10:80', { endpoints: endpoint(8000) });
    mesh.control.services.set('10.96.0.11:25', { endpoints: endpoint(2525) });
    await mesh.redirect(client);
    await mesh.redirect(server);
    proxies = { client: mesh.proxy(client, 'client'), server: mesh.proxy(server, 'server') };
    const app = mesh.app(server, 'app.mjs');
    await Promise.all([proxies.client.says('certified'), proxies.server.says('certified'), app.says('serving')]);
  });

  after(async () => { await mesh.stop(); });

  it('takes a Service address to the application over TLS 1.3, with not a byte in clear text', async () => {
    const capture = new Program(client, 0, ['tcpdump', '--immediate-mode', '-i', 'eth0', '-U', '-w', '-', 'tcp']);
    await capture.says('listening on eth0');
    const r = await get(client, 'http://10.96.0.10/hello?marker=PLAINTEXTMARKER');
    await new Promise((resolve) => { setTimeout(resolve, 300); });
    await capture.stop();
    assert.equal(r.code, 0, r.output);
    assert.ok(capture.output.length > 2000, 'nothing was captured');
    assert.ok(!capture.output.includes('PLAINTEXTMARKER'));
    // a ServerHello that selects TLS 1.3: extension supported_versions (43) with 0x0304
    assert.ok(capture.output.includes('\x00\x2b\x00\x02\x03\x04'), 'no ServerHello of TLS 1.3');
  });

  it('shows each side the identity of the other', async () => {
    await get(client, 'http://10.96.0.10/');
    assert.match(await metrics(client), new RegExp(`tcp_open_total\\{direction="outbound",peer="dst",dst_namespace="test",dst_pod="server-1",tls="true",server_id="${identity('server')}"\\} [1-9]`));
    assert.match(await metrics(server), new RegExp(`response_total\\{direction="inbound",tls="true",client_id="${identity('client')}",[^}]*classification="success"\\} [1-9]`));
  });

  it('brings the greeting of a server that speaks first', async () => {
    const r = await mesh.client(client, ['tcp', '10.96.0.11', '25', 'HELO me\n']);
    assert.match(r.output, /220 ready\r\nyou said HELO me/);
  });

  it('takes plain text from outside the mesh, and says so', async () => {
    const r = await get(client, `http://${server.ip}:8000/`, PROXY_UID);
    assert.equal(r.code, 0, r.output);
    assert.match(await metrics(server), /response_total\{direction="inbound",tls="no_identity",no_tls_reason="not_provided_by_remote"/);
  });

  it('reaches destinations that are not in the mesh in plain text', async () => {
    const r = await get(client, `http://${server.ip}:8000/direct`);
    assert.equal(r.code, 0, r.output);
  });

  it('gives the same rules when it is run again, and leaves skipped ports alone', async () => {
    const before = await sh('nsenter', [`--net=/run/netns/${client.name}`, 'iptables-nft-save', '-t', 'nat']);
    await mesh.redirect(client);
    const rules = (s: string): string[] => s.split('\n').filter((l) => l.startsWith('-A'));
    assert.deepEqual(rules(await sh('nsenter', [`--net=/run/netns/${client.name}`, 'iptables-nft-save', '-t', 'nat'])), rules(before));
    await mesh.redirect(client, '--skip-outbound-ports', '8000');
    const outbound = /request_total\{direction="outbound"[^\n]*/g;
    const count = async (): Promise<string> => ((await metrics(client)).match(outbound) ?? []).join('\n');
    const counted = await count();
    assert.equal((await get(client, `http://${server.ip}:8000/skipped`)).code, 0);
    assert.equal(await count(), counted);
    await mesh.redirect(client);
  });

  it('goes on with what it knows while the control plane is away', async () => {
    const { port } = mesh.control;
    await mesh.control.stop();
    for (let i = 0; i < 5; i++) assert.equal((await get(client, 'http://10.96.0.10/')).code, 0);
    await mesh.restartControl(port);
    assert.equal((await get(client, 'http://10.96.0.10/')).code, 0);
  });

  it('lets a request finish that runs when it is told to stop', async () => {
    const slow = get(client, 'http://10.96.0.10/slow');
    await new Promise((resolve) => { setTimeout(resolve, 300); });
    const [code, r] = await Promise.all([proxies.server.stop(), slow]);
    assert.equal(code, 0, proxies.server.output.slice(-2000));
    assert.deepEqual(r, { code: 0, output: 'slow but whole' });
  });
});
