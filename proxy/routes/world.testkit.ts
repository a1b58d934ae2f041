/** A client's proxy in this process, a control plane whose policies tests write, and servers that say which one they are. */
import http from 'node:http';
import net from 'node:net';
import type { Init } from '../../lib/grpc/wire.ts';
import type { OutboundPolicy } from '../../api/gen/outbound_pb.js';
import { TestControlPlane } from '../testing/control-plane.ts';
import { CLIENT_ID, startProxy, type Running } from '../testing/pair.ts';

export const SERVICE = '10.96.0.10:80';

export interface Seen { method: string; url: string; headers: http.IncomingHttpHeaders; body: string }
export interface Got { status: number; headers: http.IncomingHttpHeaders; body: string }

export class World {
  readonly control = new TestControlPlane();
  readonly seen = new Map<string, Seen[]>();
  /** status of a server's answers; 200 unless set */
  readonly status = new Map<string, number>();
  proxy!: Running;
  private readonly servers: (net.Server & { closeAllConnections?: () => void })[] = [];

  async start(policy: () => Init<OutboundPolicy>, ...names: string[]): Promise<void> {
    await this.control.start();
    for (const name of names) await this.serve(name);
    this.control.services.set(SERVICE, { endpoints: [] });
    this.control.outbound = policy;
    this.proxy = await startProxy(this.control, CLIENT_ID, null);
  }

  private async serve(name: string): Promise<void> {
    const seen: Seen[] = [];
    this.seen.set(name, seen);
    const server = http.createServer((req, res) => {
      let body = '';
      req.setEncoding('latin1');
      req.on('data', (c: string) => { body += c; });
      req.on('end', () => {
        seen.push({ method: req.method!, url: req.url!, headers: req.headers, body });
        res.writeHead(this.status.get(name) ?? 200, { 'x-server': name, 'x-secret': 'yes' });
        res.end(name);
      });
    });
    this.control.services.set(name, { endpoints: [{ ip: '127.0.0.1', port: await this.listen(server) }] });
  }

  async listen(server: net.Server): Promise<number> {
    this.servers.push(server);
    await new Promise<void>((r) => { server.listen(0, '127.0.0.1', r); });
    return (server.address() as net.AddressInfo).port;
  }

  /** Takes the endpoints of a server away or brings them back. */
  gone(name: string): void {
    this.control.change(name, [], this.control.services.get(name)!.endpoints);
  }

  back(name: string): void {
    this.control.change(name, this.control.services.get(name)!.endpoints, []);
  }

  /** Sends the policy again, and waits until the proxy has it; what was sent before on the same connection has arrived then too. */
  async changed(): Promise<void> {
    const before = await this.updates();
    this.control.changePolicy(SERVICE);
    while (await this.updates() === before) await new Promise((r) => { setTimeout(r, 5); });
  }

  private async updates(): Promise<string> {
    return [...(await this.metrics()).matchAll(/^outbound_policy_updates_total.*$/gm)].join();
  }

  async get(path: string, options: http.RequestOptions = {}, body = ''): Promise<Got> {
    return request(this.proxy.outboundPort, path, options, body);
  }

  /** The answers' bodies, counted. */
  async count(n: number, path = '/'): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (let i = 0; i < n; i++) {
      const { body, status } = await this.get(path);
      const key = body || String(status);
      counts[key] = (counts[key] ?? 0) + 1;
    }
    return counts;
  }

  async metrics(): Promise<string> {
    return (await request(this.proxy.adminPort, '/metrics')).body;
  }

  async stop(): Promise<void> {
    await this.proxy.close();
    await this.control.stop();
    for (const s of this.servers) {
      s.closeAllConnections?.();
      await new Promise((r) => { s.close(r); });
    }
  }
}

export function request(port: number, path: string, options: http.RequestOptions = {}, body = ''): Promise<Got> {
  return new Promise((resolve, reject) => {
    const req = http.request({ host: '127.0.0.1', port, path, agent: false, ...options, headers: { host: 'web.test', ...(options.headers as http.OutgoingHttpHeaders) } }, (res) => {
      let text = '';
      res.setEncoding('latin1');
      res.on('data', (c: string) => { text += c; });
      res.on('end', () => resolve({ status: res.statusCode!, headers: res.headers, body: text }));
      res.on('error', reject);
    });
    req.on('error', reject);
    req.end(body);
  });
}
