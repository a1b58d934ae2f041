/**
 * The control plane of the bench: the same stand-in that the proxy's own tests use, with two Services in a table. Argument: JSON of StandIn.
 * The proxies speak to a control plane on loopback without TLS; this process is in the server's pod, so a relay carries the client's side over.
 */
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import { TestControlPlane, type FakeService } from '../../proxy/testing/control-plane.ts';

export interface StandIn {
  mode: 'control' | 'relay';
  /** where to listen on loopback */
  port: number;
  /** control: where relays connect to; relay: the control plane's side of it */
  relay: { host: string; port: number };
  services: Record<string, FakeService>;
  anchorsFile: string;
}

const config = JSON.parse(process.argv[2]!) as StandIn;

function relay(from: { host: string; port: number }, to: { host: string; port: number }): void {
  net.createServer({ noDelay: true }, (a) => {
    const b = net.connect({ ...to, noDelay: true });
    for (const s of [a, b]) s.on('error', () => {});
    a.pipe(b).pipe(a);
    a.once('close', () => b.destroy());
    b.once('close', () => a.destroy());
  }).listen(from.port, from.host);
}

if (config.mode === 'relay') {
  relay({ host: '127.0.0.1', port: config.port }, config.relay);
} else {
  const control = new TestControlPlane();
  for (const [key, service] of Object.entries(config.services)) control.services.set(key, service);
  await control.start(config.port);
  relay(config.relay, { host: '127.0.0.1', port: config.port });
  writeFileSync(config.anchorsFile, control.anchors);
}
