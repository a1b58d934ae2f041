import assert from 'node:assert/strict';
import { edges } from '../mesh/traffic.ts';
import { identityOf, inPod, pods, proxyMetrics, total, waitFor } from './steps.ts';
import { kube, MESHED, PROBE_NAMESPACE } from './world.ts';

/** Says nothing until the banner has come; the time is that of a person who gives up, far below what waiting for a first byte would take. */
const TALK = `
import { connect } from 'node:net';
const socket = connect(1717, 'quotes.bookshop');
socket.setTimeout(5000, () => { console.log(JSON.stringify({ timeout: true })); process.exit(0); });
let text = '';
const line = (n) => new Promise((resolve) => {
  const look = () => text.split('\\n').length > n && (socket.off('data', look), resolve(text.split('\\n')[n - 1]));
  socket.on('data', look);
  look();
});
socket.setEncoding('utf8').on('data', (chunk) => { text += chunk; });
const banner = await line(1);
socket.write('COUNT\\n');
const count = await line(2);
socket.write('BYE\\n');
const bye = await line(3);
await new Promise((r) => socket.once('end', r));
console.log(JSON.stringify({ banner, count, bye }));
process.exit(0);
`;

describe('raw TCP whose server speaks first', () => {
  it('gets its banner through both proxies, and is secured', async () => {
    const { banner, count, bye } = await inPod<Record<string, string>>(PROBE_NAMESPACE, MESHED, TALK);
    assert.deepEqual([banner, count?.slice(0, 3), bye], ['BOOKSHOP QUOTES 1', 'OK ', 'BYE']);
    const [quotes] = await pods('bookshop', 'app=quotes');
    const client = await proxyMetrics(PROBE_NAMESPACE, MESHED);
    assert.ok(total(client, 'tcp_open_total', { direction: 'outbound', peer: 'dst', tls: 'true', server_id: identityOf('quotes', 'bookshop') }) >= 1);
    const server = await proxyMetrics('bookshop', quotes!.metadata.name);
    assert.ok(total(server, 'tcp_open_total', { direction: 'inbound', peer: 'src', tls: 'true', client_id: identityOf(MESHED, PROBE_NAMESPACE) }) >= 1);
  });

  it('shows as a secured edge', async () => {
    const edge = await waitFor('the edge from load to quotes', async () => (await edges(kube())).find((e) => e.src === 'load' && e.dst === 'quotes' && e.secured));
    assert.equal(edge.server_id, identityOf('quotes', 'bookshop'));
    assert.equal(edge.client_id, identityOf('load', 'bookshop'));
  });
});
