import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { TestControlPlane } from '../../proxy/testing/control-plane.ts';
import { createPod, deletePod, Program, run, sh, type Pod } from './namespaces.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** What the unprivileged programs need, where they may read it: the checkout may be anywhere. */
const PUBLIC = fs.mkdtempSync(path.join(os.tmpdir(), 'mesh-netns-'));
const NODE = path.join(PUBLIC, 'node');
const CONTROL_ID = 'mesh-control.mesh-system.serviceaccount.identity.mesh-system.cluster.local';
const id = (name: string): string => `${name}.test.serviceaccount.identity.mesh-system.cluster.local`;
/** The redirect leaves alone what this uid sends: in these tests the proxies run as root and the clients as nobody. */
const PROXY_UID = 0;
const NOBODY = 65534;

describe('the proxy behind real iptables', function () {
  const control = new TestControlPlane();
  let client: Pod;
  let server: Pod;
  const programs: Program[] = [];
  let proxies: { client: Program; server: Program };

  function proxy(pod: Pod, name: string): Program {
    const at = `${pod.gateway}:${control.port}`;
    const p = new Program(pod, PROXY_UID, [process.execPath, path.join(ROOT, 'proxy/main.ts')], {
      MESH_PROXY_LOG: 'debug', MESH_PROXY_IDENTITY_LOCAL_NAME: id(name), MESH_PROXY_IDENTITY_TOKEN_FILE: '/dev/null', MESH_PROXY_IDENTITY_TRUST_ANCHORS: control.anchors,
      MESH_PROXY_IDENTITY_SVC_ADDR: at, MESH_PROXY_IDENTITY_SVC_NAME: CONTROL_ID, MESH_PROXY_DESTINATION_SVC_ADDR: at, MESH_PROXY_DESTINATION_SVC_NAME: CONTROL_ID,
      MESH_PROXY_POLICY_SVC_ADDR: at, MESH_PROXY_POLICY_SVC_NAME: CONTROL_ID, MESH_PROXY_POLICY_WORKLOAD: '{}', MESH_PROXY_POD_IPS: pod.ip,
    });
    programs.push(p);
    return p;
  }

  async function redirect(pod: Pod, ...more: string[]): Promise<string> {
    const r = await run(pod, 0, [process.execPath, path.join(ROOT, 'proxy/redirect/main.ts'), '--proxy-uid', String(PROXY_UID), '--skip-inbound-ports', '4190,4191', ...more]);
    assert.equal(r.code, 0, r.output);
    return r.output;
  }

  /** GET, as a uid that is redirected unless another is given */
  async function get(pod: Pod, url: string, uid = NOBODY): Promise<{ code: number; output: string }> {
    return run(pod, uid, [NODE, path.join(PUBLIC, 'client.mjs'), 'get', url]);
  }

  async function metrics(pod: Pod): Promise<string> {
    return (await get(pod, 'http://127.0.0.1:4191/metrics')).output;
  }

  before(async () => {
    fs.chmodSync(PUBLIC, 0o755);
    fs.copyFileSync(process.execPath, NODE);
    for (const f of ['app.mjs', 'client.mjs']) fs.copyFileSync(path.join(import.meta.dirname, f), path.join(PUBLIC, f));
    client = await createPod('r', 1);
    server = await createPod('r', 2);
    await sh('sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
    await control.start(0, '0.0.0.0', CONTROL_ID);
    const endpoint = (port: number) => [{ ip: server.ip, port, identity: id('server'), transportPort: 4143, labels: { pod: 'server-1' } }];
    control.services.set('10.96.0.10:80', { endpoints: endpoint(8000) });
    control.services.set('10.96.0.11:25', { endpoints: endpoint(2525) });
    await redirect(client);
    await redirect(server);
    proxies = { client: proxy(client, 'client'), server: proxy(server, 'server') };
    const app = new Program(server, NOBODY, [NODE, path.join(PUBLIC, 'app.mjs')]);
    programs.push(app);
    await Promise.all([proxies.client.says('certified'), proxies.server.says('certified'), app.says('serving')]);
  });

  after(async () => {
    for (const p of programs) await p.stop('SIGKILL');
    await control.stop();
    for (const p of [client, server]) await deletePod(p.name);
    fs.rmSync(PUBLIC, { recursive: true });
  });

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
    assert.match(await metrics(client), new RegExp(`tcp_open_total\\{direction="outbound",peer="dst",dst_namespace="test",dst_pod="server-1",tls="true",server_id="${id('server')}"\\} [1-9]`));
    assert.match(await metrics(server), new RegExp(`response_total\\{direction="inbound",tls="true",client_id="${id('client')}",[^}]*classification="success"\\} [1-9]`));
  });

  it('brings the greeting of a server that speaks first', async () => {
    const r = await run(client, NOBODY, [NODE, path.join(PUBLIC, 'client.mjs'), 'tcp', '10.96.0.11', '25', 'HELO me\n']);
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
    await redirect(client);
    const rules = (s: string): string[] => s.split('\n').filter((l) => l.startsWith('-A'));
    assert.deepEqual(rules(await sh('nsenter', [`--net=/run/netns/${client.name}`, 'iptables-nft-save', '-t', 'nat'])), rules(before));
    await redirect(client, '--skip-outbound-ports', '8000');
    const outbound = /request_total\{direction="outbound"[^\n]*/g;
    const count = async (): Promise<string> => ((await metrics(client)).match(outbound) ?? []).join('\n');
    const counted = await count();
    assert.equal((await get(client, `http://${server.ip}:8000/skipped`)).code, 0);
    assert.equal(await count(), counted);
    await redirect(client);
  });

  it('goes on with what it knows while the control plane is away', async () => {
    const port = control.port;
    await control.stop();
    for (let i = 0; i < 5; i++) assert.equal((await get(client, 'http://10.96.0.10/')).code, 0);
    await control.start(port, '0.0.0.0', CONTROL_ID);
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
