/** A proxy process that is attacked: another client is served all the while, its memory stays within bounds, and it says what it refused. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { FLAG, PREFACE, SETTING, TYPE } from './http2/frames.ts';
import { frame, settings, u32 } from './http2/raw.testkit.ts';
import { TestControlPlane } from './testing/control-plane.ts';
import { startProcess, type ProxyProcess } from './testing/process.ts';

/** Anonymous memory, MiB. An idle proxy of the tests has 40 and may hold 48 for slow peers; the rest is room for what nobody has collected yet (150 in all were seen). */
const MOST_MIB = 256;
const BIG = Buffer.alloc(1024 * 1024, 'x');

const { endHeaders, endStream } = FLAG;
const GET = Buffer.from('\x82\x84\x86\x41\x01a', 'latin1');
const GET_BIG = Buffer.from('\x82\x86\x41\x01a\x04\x04/big', 'latin1');
const request = (id: number, block = GET): Buffer => frame(TYPE.headers, endHeaders | endStream, id, block);
const times = (n: number, make: (i: number) => Buffer): Buffer => Buffer.concat(Array.from({ length: n }, (_, i) => make(i)));
const h2 = (...frames: Buffer[]): Buffer => Buffer.concat([PREFACE, settings(), ...frames]);
const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\n';

/** An entry of 4000 octets in the table, and a block that refers to it ten thousand times. */
const BOMB = Buffer.concat([GET, Buffer.from([0x40, 1, 0x78, 0x7f, 0xa1, 0x1e]), Buffer.alloc(4000, 'y'), Buffer.alloc(10_000, 0xbe)]);

interface Attack {
  what: string;
  connections: number;
  /** what each connection sends */
  sends: Buffer | string;
  /** reads what it is answered; otherwise it lets that pile up */
  reads: boolean;
  /** closes with a reset as soon as it has sent */
  leaves?: boolean;
  /** what proxy_rejected_total has of it, '' where nothing is refused at once */
  reason: string;
}

const ATTACKS: Attack[] = [
  { what: 'half a request line each', connections: 3000, sends: `GET /${'a'.repeat(6000)}`, reads: true, reason: '' },
  { what: 'half a head each', connections: 3000, sends: `${REQUEST}X: ${'a'.repeat(30_000)}`, reads: true, reason: 'memory-cap' },
  { what: 'heads without an end', connections: 300, sends: `${REQUEST}X: ${'a'.repeat(70_000)}`, reads: true, reason: 'head-too-large' },
  { what: 'half a TLS record each', connections: 3000, sends: Buffer.from([22, 3, 1, 0x3f, 0xff, 1, 0, 0x3f, 0xfb, ...Buffer.alloc(8000)]), reads: true, reason: '' },
  { what: 'pipelined requests and no reading', connections: 200, sends: `GET /big HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(500), reads: false, reason: '' },
  { what: 'windows of nothing', connections: 30, sends: Buffer.concat([PREFACE, settings([SETTING.initialWindowSize, 0]), frame(TYPE.settings, FLAG.ack, 0), times(100, (i) => request(2 * i + 1, GET_BIG))]), reads: true, reason: '' },
  { what: 'header lists that unpack to 40 MB', connections: 100, sends: h2(frame(TYPE.headers, endHeaders | endStream, 1, BOMB)), reads: true, reason: 'header-list-too-large' },
  { what: 'a header block without an end', connections: 100, sends: h2(frame(TYPE.headers, endStream, 1, GET), times(100, () => frame(TYPE.continuation, 0, 1, ''))), reads: true, reason: 'continuation-flood' },
  { what: 'SETTINGS', connections: 20, sends: h2(times(3000, () => settings())), reads: false, reason: 'settings-flood' },
  { what: 'PING', connections: 20, sends: h2(times(12_000, () => frame(TYPE.ping, 0, 0, '12345678'))), reads: false, reason: 'ping-flood' },
  { what: 'requests and their resets', connections: 20, sends: h2(times(3000, (i) => Buffer.concat([request(2 * i + 1), frame(TYPE.rstStream, 0, 2 * i + 1, u32(8))]))), reads: true, reason: 'rapid-reset' },
  { what: 'connections that come and go', connections: 5000, sends: REQUEST, reads: true, leaves: true, reason: '' },
  { what: 'connections that say nothing more', connections: 4000, sends: `${REQUEST}\r\n`, reads: true, reason: '' },
];

describe('a proxy process under attack', () => {
  const control = new TestControlPlane();
  const app = http.createServer((req, res) => res.end(req.url === '/big' ? BIG : 'small'));
  let proxy: ProxyProcess;

  before(async () => {
    await control.start();
    app.listen(0, '127.0.0.1');
    await once(app, 'listening');
    proxy = await startProcess(control, (app.address() as net.AddressInfo).port);
  });
  after(async () => {
    proxy.child.kill('SIGKILL');
    app.closeAllConnections();
    app.close();
    await control.stop();
  });

  const agent = new http.Agent({ keepAlive: true });
  const get = async (port: number, path: string): Promise<string> => {
    const res = await new Promise<http.IncomingMessage>((resolve, reject) => { http.get({ host: '127.0.0.1', port, path, agent }, resolve).on('error', reject); });
    let body = '';
    for await (const part of res) body += String(part);
    assert.equal(res.statusCode, 200, body);
    return body;
  };
  const metric = async (name: string): Promise<number> => Number(new RegExp(`^${name} (\\d+)`, 'm').exec(await get(proxy.admin, '/metrics'))?.[1] ?? 0);
  const memoryMib = (): number => Number(/^RssAnon:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${proxy.child.pid}/status`, 'utf8'))![1]) / 1024;
  const othersAreServed = async (): Promise<void> => { assert.equal(await get(proxy.inbound, '/'), 'small'); };

  async function connection({ sends, reads, leaves = false }: Attack): Promise<net.Socket> {
    const s = net.connect({ port: proxy.inbound, host: '127.0.0.1' });
    s.on('error', () => {});
    await once(s, 'connect');
    if (reads) s.resume();
    s.write(sends, 'latin1');
    if (leaves) s.resetAndDestroy();
    return s;
  }

  for (const attack of ATTACKS) {
    it(`of ${attack.connections} with ${attack.what}`, async () => {
      const name = `proxy_rejected_total{reason="${attack.reason}"}`.replaceAll(/[{}"]/g, '\\$&');
      const before = attack.reason === '' ? 0 : await metric(name);
      const open: net.Socket[] = [];
      while (open.length < attack.connections) {
        open.push(...await Promise.all(Array.from({ length: Math.min(100, attack.connections - open.length) }, () => connection(attack))));
        if (open.length % 500 === 0) await othersAreServed();
        assert.ok(memoryMib() < MOST_MIB, `${memoryMib()} MiB after ${open.length}`);
      }
      for (let i = 0; i < 20; i++) await othersAreServed();
      while (attack.reason !== '' && await metric(name) === before) await othersAreServed();
      const most = memoryMib();
      assert.ok(most < MOST_MIB, `${most} MiB`);
      for (const s of open) s.destroy();
      while (await metric('proxy_held_bytes') > 1024 * 1024) await othersAreServed();
    });
  }
});
