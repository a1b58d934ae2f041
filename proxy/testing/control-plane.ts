/** A control plane for tests of the proxy in one process: certifies anybody and answers discovery from a table. Clear text on loopback. */
import { X509Certificate, createPublicKey, generateKeyPairSync } from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import * as t from '../../api/gen/tables.ts';
import { systemClock } from '../../lib/clock.ts';
import { decode, encode, type Init, type Table } from '../../lib/grpc/wire.ts';
import { frame, FrameParser } from '../../lib/grpc/frame.ts';
import { Authority, createRoot } from '../../lib/pki/authority.ts';
import type { WeightedAddr } from '../../api/gen/destination_pb.js';
import type { Server } from '../../api/gen/inbound_pb.js';
import type { OutboundPolicy } from '../../api/gen/outbound_pb.js';
import { pem } from '../discover/certify.ts';
import { ipMessage, ipText } from '../discover/convert.ts';
import { serveHttp2 } from '../http2/index.ts';
import { Wire } from '../io/wire.ts';
import { ResponseHead, type RequestStream, type ResponseStream, type Service } from '../message/contract.ts';

export interface FakeEndpoint { ip: string; port: number; identity?: string; transportPort?: number; h2?: boolean; labels?: Record<string, string>; priority?: number }
/** `name`: the authority that its endpoints go by ("web.ns.svc.cluster.local:80", which a stock proxy insists on); the address when absent */
export interface FakeService { endpoints: FakeEndpoint[]; opaque?: boolean; name?: string }

const DAY = 86_400;

export class TestControlPlane {
  /** "ip:port" of a Service to what is behind it */
  readonly services = new Map<string, FakeService>();
  /** ports of the application that are opaque */
  readonly opaquePorts = new Set<number>();
  leafSeconds = DAY;
  /** what a Service's address and a port of the application are answered with, in place of the plainest policy; null from `inbound` for that one */
  outbound: (key: string, opaque: boolean) => Init<OutboundPolicy> = policy;
  inbound: (port: number) => Init<Server> | null = () => null;
  anchors = '';
  port = 0;
  calls: string[] = [];
  private authority!: Authority;
  private secure: tls.Server | null = null;
  private readonly server = net.createServer({ allowHalfOpen: true, noDelay: true }, (s) => {
    this.sockets.add(s);
    s.on('error', () => {});
    s.once('close', () => this.sockets.delete(s));
    if (this.secure === null) this.serve(s);
    else this.secure.emit('connection', s);
  });
  private readonly serve = (s: net.Socket): void => {
    s.on('error', () => {});
    serveHttp2(new Wire(s), this.service, { clock: systemClock, count: () => {}, refuse: (e) => new ResponseHead(e.code === 'HEAD_TOO_LARGE' ? 431 : 400, []) }, null);
  };
  private readonly sockets = new Set<net.Socket>();
  private readonly watchers = new Map<string, Set<ResponseStream>>();
  private readonly policyWatchers = new Map<string, Set<ResponseStream>>();

  /** In clear text on loopback, or over mesh TLS as `identity` on another address. */
  async start(port = 0, host = '127.0.0.1', identity = ''): Promise<void> {
    if (this.anchors === '') {
      const root = await createRoot({ commonName: 'root.test', days: 1, now: Date.now() });
      this.anchors = root.certificate;
      this.authority = await Authority.load(root, root.certificate, Date.now());
    }
    if (identity !== '') await this.serveTls(identity);
    await new Promise<void>((resolve) => { this.server.listen(port, host, resolve); });
    this.port = (this.server.address() as net.AddressInfo).port;
  }

  /** Cuts every connection and stops listening; start(port) brings it back. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => { this.server.close(() => resolve()); });
    for (const s of this.sockets) s.destroy();
    await closed;
  }

  /** Sends endpoints that were added or removed to whoever watches a path. */
  change(path: string, add: FakeEndpoint[], remove: FakeEndpoint[]): void {
    for (const w of this.watchers.get(path) ?? []) {
      if (add.length > 0) send(w, t.destination_Update, { update: { case: 'add', value: { addrs: add.map(weighted), metricLabels: {} } } });
      if (remove.length > 0) send(w, t.destination_Update, { update: { case: 'remove', value: { addrs: remove.map((e) => ({ ip: ipMessage(e.ip), port: e.port })) } } });
    }
  }

  /** Sends what `outbound` says now to whoever watches the policy of a Service's address. */
  changePolicy(key: string): void {
    const service = this.services.get(key)!;
    for (const w of this.policyWatchers.get(key) ?? []) send(w, t.outbound_OutboundPolicy, this.outbound(service.name ?? key, service.opaque === true));
  }

  /** Sends what `inbound` says now to whoever watches the policy of a port. */
  changeInbound(port: number): void {
    for (const w of this.policyWatchers.get(`port ${port}`) ?? []) send(w, t.inbound_Server, this.inbound(port)!);
  }

  private readonly service: Service = (head, _ended, client) => {
    this.calls.push(head.path);
    let parser: FrameParser | null = null;
    const stream: RequestStream = {
      data: (buf, start, end) => {
        (parser ??= new FrameParser((m) => this.answer(head.path, m, client))).push(buf, start, end);
        client.credit(end - start);
      },
      end() {},
      reset: () => { for (const set of [...this.watchers.values(), ...this.policyWatchers.values()]) set.delete(client); },
      credit() {},
    };
    return stream;
  };

  private watchPolicy(key: string, client: ResponseStream): void {
    const set = this.policyWatchers.get(key) ?? new Set();
    this.policyWatchers.set(key, set);
    set.add(client);
  }

  private answer(path: string, message: Uint8Array, client: ResponseStream): void {
    const begin = (): void => client.head(new ResponseHead(200, ['content-type', 'application/grpc']));
    const fail = (status: number): void => {
      begin();
      client.end(['grpc-status', String(status)]);
    };
    if (path.endsWith('/Certify')) void this.certify(message, client);
    else if (path.endsWith('/GetProfile')) fail(3);
    else if (path.endsWith('/WatchPort')) {
      const { port } = decode(t.inbound_PortSpec, message);
      begin();
      this.watchPolicy(`port ${port}`, client);
      const networks = ['0.0.0.0', '::'].map((ip) => ({ net: { ip: ipMessage(ip), prefixLen: 0 }, except: [] }));
      send(client, t.inbound_Server, this.inbound(port) ?? {
        protocol: { kind: this.opaquePorts.has(port) ? { case: 'opaque', value: {} } : { case: 'detect', value: { timeout: { seconds: 10n, nanos: 0 }, httpRoutes: [] } } },
        authorizations: [{ networks, authentication: { permit: { case: 'unauthenticated', value: {} } }, labels: { kind: 'default', name: 'test' } }],
        labels: { kind: 'default', name: 'test' },
      });
    } else if (path.endsWith('/Watch')) {
      const { target } = decode(t.outbound_TrafficSpec, message);
      const key = target.case === 'addr' ? `${ipText(target.value.ip)}:${target.value.port}` : '';
      const found = this.services.get(key);
      if (found === undefined) fail(5);
      else {
        begin();
        this.watchPolicy(key, client);
        send(client, t.outbound_OutboundPolicy, this.outbound(found.name ?? key, found.opaque === true));
      }
    } else if (path.endsWith('/Get')) {
      const { path: key } = decode(t.destination_GetDestination, message);
      begin();
      const set = this.watchers.get(key) ?? new Set();
      this.watchers.set(key, set);
      set.add(client);
      send(client, t.destination_Update, { update: { case: 'add', value: { addrs: (this.named(key)?.endpoints ?? []).map(weighted), metricLabels: { namespace: 'test' } } } });
    } else fail(12);
  }

  private named(path: string): FakeService | undefined {
    for (const [key, service] of this.services) if ((service.name ?? key) === path) return service;
    return undefined;
  }

  private async serveTls(identity: string): Promise<void> {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const leaf = await this.authority.issue({ publicKey, dnsNames: [identity], lifetimeSeconds: DAY, skewSeconds: 10, now: Date.now() });
    const cert = [leaf.der, ...this.authority.intermediates].map(pem).join('');
    this.secure = tls.createServer({ key: privateKey.export({ type: 'pkcs8', format: 'pem' }), cert, ca: this.anchors, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.3' }, this.serve);
  }

  private async certify(message: Uint8Array, client: ResponseStream): Promise<void> {
    const request = decode(t.identity_CertifyRequest, message);
    const csr = new x509.Pkcs10CertificateRequest(request.certificateSigningRequest);
    const publicKey = createPublicKey({ key: Buffer.from(csr.publicKey.rawData), format: 'der', type: 'spki' });
    const leaf = await this.authority.issue({ publicKey, dnsNames: [request.identity], lifetimeSeconds: this.leafSeconds, skewSeconds: 10, now: Date.now() });
    client.head(new ResponseHead(200, ['content-type', 'application/grpc']));
    send(client, t.identity_CertifyResponse, {
      leafCertificate: leaf.der, intermediateCertificates: this.authority.intermediates.slice(),
      validUntil: { seconds: BigInt(Math.floor(new X509Certificate(leaf.der).validToDate.getTime() / 1000)), nanos: 0 },
    });
    client.end(['grpc-status', '0']);
  }
}

function send<T>(client: ResponseStream, table: Table<T>, message: Init<T>): void {
  const b = frame(encode(table, message));
  client.data(b, 0, b.length);
}

function weighted(e: FakeEndpoint): Init<WeightedAddr> {
  return {
    addr: { ip: ipMessage(e.ip), port: e.port }, weight: 10_000, priority: e.priority ?? 0, metricLabels: e.labels ?? {},
    ...(e.identity === undefined ? {} : {
      tlsIdentity: { strategy: { case: 'dnsLikeIdentity', value: { name: e.identity } }, serverName: { name: e.identity } },
      protocolHint: { protocol: e.h2 === false ? { case: undefined } : { case: 'h2', value: {} }, ...(e.transportPort === undefined ? {} : { opaqueTransport: { inboundPort: e.transportPort } }) },
    }),
  };
}

function policy(path: string, opaque: boolean): Init<OutboundPolicy> {
  const metadata = { kind: { case: 'default', value: 'test' } };
  const load = { case: 'peakEwma', value: { defaultRtt: { seconds: 0n, nanos: 30_000_000 }, decay: { seconds: 10n, nanos: 0 } } };
  const backend = {
    metadata,
    kind: { case: 'balancer', value: { discovery: { kind: { case: 'dst', value: { path } } }, load } },
    queue: { capacity: 100, failfastTimeout: { seconds: 3n, nanos: 0 } },
  };
  const route = { metadata, rules: [{ matches: [], filters: [], backends: { kind: { case: 'firstAvailable', value: { backends: [{ backend }] } } } }] };
  const opaqueValue = { routes: [route] };
  return {
    protocol: {
      kind: opaque ? { case: 'opaque', value: opaqueValue }
        : { case: 'detect', value: { timeout: { seconds: 10n, nanos: 0 }, opaque: opaqueValue, http1: { routes: [route] }, http2: { routes: [route] } } },
    },
    metadata,
  } as Init<OutboundPolicy>;
}
