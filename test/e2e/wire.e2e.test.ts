import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { serverHelloVersion, type Packet } from '../mesh/pcap.ts';
import { capture } from './capture.ts';
import { apply, dropNamespaces, identityOf, inPod, isReady, pods, proxyMetrics, total, waitReady } from './steps.ts';
import { idlePod, namespace, PLAIN, PROBE_NAMESPACE } from './world.ts';

const NAMESPACE = 'wire';
const TLS_13 = 0x0304;

/** Posts markers in a header and the body to web, and prints what comes back. */
const POST = `
const [header, body] = process.argv.slice(2);
const answer = await fetch('http://web.bookshop/echo', { method: 'POST', headers: { 'x-marker': header }, body });
console.log(JSON.stringify({ status: answer.status, body: await answer.text() }));
`;

const seen = (packets: Packet[], marker: string): boolean => packets.some(({ payload }) => payload.includes(marker));

describe('on the wire', () => {
  before(async () => {
    // A pod of its own, so that its connection is made during the capture.
    await apply(namespace(NAMESPACE), ...idlePod(NAMESPACE, 'caller', true));
    await waitReady(NAMESPACE, 'caller');
  });
  after(() => dropNamespaces(NAMESPACE));

  it('carries TLS 1.3 between meshed pods and no byte of a request, while both sides name each other', async () => {
    const secret = { header: randomUUID(), body: randomUUID() };
    const open = { header: randomUUID(), body: randomUUID() };
    // That a pod outside of the mesh is seen shows that the capture would have seen the other as well.
    const packets = await capture();
    const meshed = await inPod<{ status: number; body: string }>(NAMESPACE, 'caller', POST, secret.header, secret.body);
    const plain = await inPod<{ status: number; body: string }>(PROBE_NAMESPACE, PLAIN, POST, open.header, open.body);
    const all = await packets.until('the plain request in the capture', (so) => seen(so, open.header) && seen(so, open.body));
    await packets.stop();

    assert.deepEqual(meshed, { status: 200, body: secret.body });
    assert.deepEqual(plain, { status: 200, body: open.body });
    assert.ok(!seen(all, secret.header), 'the header of a meshed request is on the wire');
    assert.ok(!seen(all, secret.body), 'the body of a meshed request is on the wire');

    const [caller] = await pods(NAMESPACE, 'app=caller');
    const webs = (await pods('bookshop', 'app=web')).filter(isReady);
    const fromWeb = all.filter(({ src, srcPort, dst }) => webs.some((w) => w.status.podIP === src) && srcPort === 4143 && dst === caller!.status.podIP);
    const versions = fromWeb.flatMap(({ payload }) => serverHelloVersion(payload) ?? []);
    assert.ok(versions.length > 0, 'no handshake between caller and web was seen');
    assert.ok(versions.every((version) => version === TLS_13), `versions ${versions.join()}`);

    const client = await proxyMetrics(NAMESPACE, 'caller');
    assert.ok(total(client, 'request_total', { direction: 'outbound', tls: 'true', server_id: identityOf('web', 'bookshop') }) >= 1);
    const servers = await Promise.all(webs.map((web) => proxyMetrics('bookshop', web.metadata.name)));
    assert.ok(total(servers.flat(), 'request_total', { direction: 'inbound', tls: 'true', client_id: identityOf('caller', NAMESPACE) }) >= 1);
  });
});
