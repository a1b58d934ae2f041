/** Two real proxies and a control plane in one process: a client's outbound side and a server's inbound side, joined by mesh TLS. */
import net from 'node:net';
import { systemClock } from '../../lib/clock.ts';
import { fixedOrigDst } from '../accept/orig-dst.ts';
import { parseEnv } from '../env.ts';
import { Log } from '../log.ts';
import { Proxy } from '../proxy.ts';
import { TestControlPlane } from './control-plane.ts';

export const CLIENT_ID = 'client.test.serviceaccount.identity.mesh-system.cluster.local';
export const SERVER_ID = 'server.test.serviceaccount.identity.mesh-system.cluster.local';
const SERVICE = { ip: '10.96.0.10', port: 80 };

export interface Running { proxy: Proxy; inboundPort: number; outboundPort: number; adminPort: number; close(): Promise<void> }

export async function startProxy(control: TestControlPlane, name: string, app: { ip: string; port: number } | null, dst = SERVICE, more: Record<string, string> = {}): Promise<Running> {
  const [inbound, outbound, admin] = [await listen(), await listen(), await listen()];
  const at = `127.0.0.1:${control.port}`;
  const env = parseEnv({
    MESH_PROXY_IDENTITY_LOCAL_NAME: name, MESH_PROXY_IDENTITY_TOKEN_FILE: '/dev/null', MESH_PROXY_IDENTITY_TRUST_ANCHORS: control.anchors,
    MESH_PROXY_IDENTITY_SVC_ADDR: at, MESH_PROXY_DESTINATION_SVC_ADDR: at, MESH_PROXY_POLICY_SVC_ADDR: at, MESH_PROXY_POLICY_WORKLOAD: '{}',
    MESH_PROXY_INBOUND_LISTEN_ADDR: `127.0.0.1:${inbound.port}`, MESH_PROXY_OUTBOUND_LISTEN_ADDR: `127.0.0.1:${outbound.port}`, MESH_PROXY_LOG: 'error', ...more,
  });
  const log = new Log(env.logLevel, (line) => process.stderr.write(line), () => systemClock.wall());
  const proxy = new Proxy({
    env, log, clock: systemClock, random: Math.random, readToken: async () => Buffer.from('token'), readAnchors: () => control.anchors,
    origDst: { inbound: app === null ? () => null : fixedOrigDst(app.ip, app.port), outbound: fixedOrigDst(dst.ip, dst.port) },
  });
  inbound.server.on('connection', withErrors(proxy.acceptInbound));
  outbound.server.on('connection', withErrors(proxy.acceptOutbound));
  admin.server.on('connection', withErrors((s) => proxy.acceptAdmin(s, true)));
  proxy.start();
  while (!proxy.ready) await new Promise((r) => { setTimeout(r, 5); });
  return {
    proxy, inboundPort: inbound.port, outboundPort: outbound.port, adminPort: admin.port,
    close: async () => {
      for (const s of [inbound, outbound, admin]) s.server.close();
      await proxy.drain(0);
      proxy.stop();
    },
  };
}

function withErrors(accept: (s: net.Socket) => void): (s: net.Socket) => void {
  return (s) => {
    s.on('error', () => {});
    accept(s);
  };
}

async function listen(): Promise<{ server: net.Server; port: number }> {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return { server, port: (server.address() as net.AddressInfo).port };
}

export interface Mesh { control: TestControlPlane; client: Running; server: Running; close(): Promise<void> }

/** A pair whose Service has one endpoint: `appPort` on loopback behind the server's proxy. */
export async function startPair(appPort: number, options: { opaque?: boolean; transportHeader?: boolean; inbound?: TestControlPlane['inbound']; env?: Record<string, string> } = {}): Promise<Mesh> {
  const control = new TestControlPlane();
  await control.start();
  if (options.inbound !== undefined) control.inbound = options.inbound;
  if (options.opaque === true) control.opaquePorts.add(appPort);
  const header = options.transportHeader !== false;
  const server = await startProxy(control, SERVER_ID, header ? null : { ip: '127.0.0.1', port: appPort }, SERVICE, options.env);
  control.services.set(`${SERVICE.ip}:${SERVICE.port}`, {
    opaque: options.opaque === true,
    endpoints: [header
      ? { ip: '127.0.0.1', port: appPort, identity: SERVER_ID, transportPort: server.inboundPort, labels: { pod: 'server-1' } }
      : { ip: '127.0.0.1', port: server.inboundPort, identity: SERVER_ID, labels: { pod: 'server-1' } }],
  });
  const client = await startProxy(control, CLIENT_ID, null, SERVICE, options.env);
  return {
    control, client, server,
    close: async () => {
      await client.close();
      await server.close();
      await control.stop();
    },
  };
}

