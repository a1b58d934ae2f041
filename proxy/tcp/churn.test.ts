import assert from 'node:assert/strict';
import net from 'node:net';
import { startPair, type Mesh } from '../testing/pair.ts';

/** What keeps a process busy, by kind. */
function resources(): Record<string, number> {
  const count: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) count[kind] = (count[kind] ?? 0) + 1;
  return count;
}

/** How a connection is used and ended. */
const USES: Record<string, (port: number) => Promise<void>> = {
  async 'sends, gets it back, ends'(port) {
    const s = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    s.end('\x01x');
    s.resume();
    await new Promise((r) => { s.once('close', r); });
  },
  async 'resets'(port) {
    const s = net.connect(port, '127.0.0.1');
    s.write('\x01x');
    await new Promise((r) => { s.once('data', r); });
    s.resetAndDestroy();
    await new Promise((r) => { s.once('close', r); });
  },
  async 'says nothing and goes'(port) {
    const s = net.connect(port, '127.0.0.1');
    await new Promise((r) => { s.once('connect', r); });
    s.destroy();
    await new Promise((r) => { s.once('close', r); });
  },
  async 'goes before it is let in'(port) {
    const s = net.connect(port, '127.0.0.1');
    s.destroy();
    await new Promise((r) => { s.once('close', r); });
  },
};

describe('connections that come and go', function () {
  let app: net.Server;
  let mesh: Mesh;
  const atApp = new Set<net.Socket>();

  before(async () => {
    app = net.createServer({ allowHalfOpen: true }, (s) => {
      atApp.add(s);
      s.on('error', () => {});
      s.once('close', () => atApp.delete(s));
      s.pipe(s);
    });
    await new Promise<void>((r) => { app.listen(0, '127.0.0.1', r); });
    mesh = await startPair((app.address() as net.AddressInfo).port, { opaque: true });
  });
  after(async () => {
    await mesh.close();
    await new Promise((r) => { app.close(r); });
  });

  for (const [name, use] of Object.entries(USES)) {
    it(`leave nothing behind: ${name}`, async () => {
      const many = async (): Promise<void> => {
        for (let i = 0; i < 5; i++) await Promise.all(Array.from({ length: 20 }, () => use(mesh.client.outboundPort)));
        while (atApp.size > 0) await new Promise((r) => { setTimeout(r, 5); });
        await new Promise((r) => { setTimeout(r, 50); });
      };
      // The first ones bring what stays: policies, connections to the control plane.
      await many();
      const before = resources();
      await many();
      await many();
      const after = resources();
      for (const kind of ['TCPSocketWrap', 'TLSWrap', 'TCPWrap', 'TCPConnectWrap', 'Timeout'])
        assert.ok((after[kind] ?? 0) <= (before[kind] ?? 0), `${kind}: ${before[kind] ?? 0} before, ${after[kind] ?? 0} after`);
    });
  }
});
