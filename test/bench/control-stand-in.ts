/**
 * The control plane of the bench: the same stand-in that the proxy's own tests use, with Services in a table. Argument: JSON of StandIn.
 * The proxies speak to a control plane on loopback without TLS; this process is in the server's pod, so a relay carries the client's side over.
 * Lines of JSON on its standard input (Change) alter the endpoints of a Service.
 */
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import { createInterface } from 'node:readline';
import { TestControlPlane, type FakeEndpoint, type FakeService } from '../../proxy/testing/control-plane.ts';
import { fullInbound, fullOutbound } from './policy.ts';

export interface StandIn {
  mode: 'control' | 'relay';
  /** where to listen on loopback */
  port: number;
  /** control: where relays connect to; relay: the control plane's side of it */
  relay: { host: string; port: number };
  services: Record<string, FakeService>;
  /** full: a route with retries and timeouts, and authorization of the client on the meshed ports. plain: discovery alone */
  policy: 'full' | 'plain';
  /** identity that may reach the meshed ports, when the policy is full */
  client: string;
  meshedPorts: number[];
  /** seconds that certificates last */
  leafSeconds: number;
  anchorsFile: string;
}

/** From now on these are the endpoints of a Service ("ip:port"). */
export interface Change { service: string; endpoints: FakeEndpoint[] }

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

function change(control: TestControlPlane, { service, endpoints }: Change): void {
  const same = (a: FakeEndpoint, b: FakeEndpoint): boolean => a.ip === b.ip && a.port === b.port;
  const before = control.services.get(service)!.endpoints;
  control.services.get(service)!.endpoints = endpoints;
  control.change(service, endpoints.filter((e) => !before.some((b) => same(b, e))), before.filter((b) => !endpoints.some((e) => same(b, e))));
}

if (config.mode === 'relay') {
  relay({ host: '127.0.0.1', port: config.port }, config.relay);
} else {
  const control = new TestControlPlane();
  control.leafSeconds = config.leafSeconds;
  if (config.policy === 'full') {
    control.outbound = fullOutbound;
    control.inbound = (port) => (config.meshedPorts.includes(port) ? fullInbound(config.client) : null);
  }
  for (const [key, service] of Object.entries(config.services)) control.services.set(key, service);
  await control.start(config.port);
  relay(config.relay, { host: '127.0.0.1', port: config.port });
  writeFileSync(config.anchorsFile, control.anchors);
  createInterface({ input: process.stdin }).on('line', (line) => change(control, JSON.parse(line) as Change));
}
