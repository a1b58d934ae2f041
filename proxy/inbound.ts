/**
 * Everything that enters the pod: TLS of the mesh is taken off, policy decides, and the rest goes to the application.
 *
 *   accept -> original destination -> [mesh TLS -> transport header] -> policy of the port -> protocol
 *     HTTP:   codec -> HTTP/1 again if it was carried as HTTP/2 -> [access log] -> authorize -> measure -> tap -> the application's connections
 *     opaque: authorize -> connection to the application, joined byte for byte
 */
import type { Socket } from 'node:net';
import { addrText, clientAddr, unmap, type ClientAddr, type SocketAddr } from './accept/addr.ts';
import { BoundedNames } from './accept/bounded-names.ts';
import { negotiate } from './accept/negotiate.ts';
import type { GetOrigDst } from './accept/orig-dst.ts';
import { quietMs, type FirstWord } from './accept/quiet.ts';
import type { PoolConfig } from './balance/pool.ts';
import { connectTcp } from './balance/connect-tcp.ts';
import type { Core } from './core.ts';
import { InboundStacks } from './inbound-stacks.ts';
import type { AccessLogFormat } from './layers/access-log.ts';
import { abort } from './io/abort.ts';
import { LocalApps } from './local-apps.ts';
import { readTransportHeader } from './mesh-tls/read-header.ts';
import type { Terminated, Terminator } from './mesh-tls/terminate.ts';
import type { Peer } from './policy/authorize.ts';
import type { PortPolicies } from './policy/ports.ts';
import { Forward } from './tcp/forward.ts';
import type { Labels } from './telemetry/registry.ts';

/** One accepted connection, as far as it is known. */
interface Accepted {
  socket: Socket;
  client: ClientAddr;
  /** where the application is */
  app: SocketAddr;
  peer: Peer;
  labels: Labels;
  /** the client's proxy sends elsewhere what we refuse */
  takesRefusals: boolean;
  /** clock.now when it was accepted */
  since: number;
}

export class Inbound {
  private readonly core: Core;
  private readonly getOrigDst: GetOrigDst;
  private readonly terminator: Terminator;
  private readonly policies: PortPolicies;
  private readonly pool: PoolConfig;
  private readonly apps: LocalApps;
  private readonly port: number;
  private readonly stacks: InboundStacks;
  /** by port of the application */
  private readonly firstWords = new Map<number, FirstWord>();

  /** clients choose server names */
  private readonly serverNames = new BoundedNames(100);

  constructor(core: Core, getOrigDst: GetOrigDst, terminator: Terminator, policies: PortPolicies, pool: PoolConfig, port: number, access: AccessLogFormat | null) {
    this.core = core;
    this.getOrigDst = getOrigDst;
    this.terminator = terminator;
    this.policies = policies;
    this.pool = pool;
    this.apps = new LocalApps(pool, core.random, core.via ?? ((next) => next));
    this.port = port;
    this.stacks = new InboundStacks(core, this.apps, policies, access);
  }

  readonly accept = (socket: Socket): void => {
    const dst = this.getOrigDst(socket) ?? { ip: unmap(socket.localAddress ?? ''), port: socket.localPort ?? 0 };
    const client = clientAddr(socket.remoteAddress ?? '', socket.remotePort ?? 0);
    const labels = { tls: 'no_identity', no_tls_reason: 'not_provided_by_remote' };
    const a: Accepted = { socket, client, app: dst, peer: { ip: client.ip, tls: false, identity: '' }, labels, takesRefusals: false, since: this.core.clock.now() };
    if (dst.port === this.port) this.sniff(a, true);
    else this.whenKnown(a, () => this.sniff(a, true));
  };

  /** The first connection to a port waits for what the control plane says of it: the default policy may let in whom that one does not. */
  private whenKnown(a: Accepted, go: () => void): void {
    this.policies.whenKnown(a.app.port, () => {
      if (!a.socket.destroyed) go();
    });
    a.socket.once('close', this.policies.connected(a.app.port));
  }

  /** Looks at what a connection says; `outer` before mesh TLS has been taken off. */
  private sniff(a: Accepted, outer: boolean): void {
    const { core } = this;
    const direct = a.app.port === this.port;
    const policy = this.policies.get(a.app.port);
    const opaquePort = policy.protocol === 'opaque' || policy.protocol === 'tls';
    negotiate(a.socket, {
      clock: core.clock,
      first: null,
      quietMs: quietMs(direct ? 'client, HTTP' : opaquePort ? 'server' : this.firstWords.get(a.app.port) ?? 'unknown'),
      partialMs: core.detectMs.inbound,
      count: core.reject,
      dial: (done, failed) => {
        if (direct || !policy.judge(a.peer).connection().allowed) return () => {};
        return connectTcp(this.apps.get(a.app), this.pool, 1, done, failed);
      },
      onHttp: (version, bytes) => {
        if (direct) this.refuse(a, 'no transport header');
        else if (opaquePort) this.opaque(a, bytes, null);
        else this.http(a, version, bytes);
      },
      onTls: (sni, bytes) => {
        if (!outer || sni !== core.credentials.name || core.credentials.leaf === null) {
          // The application's own TLS, carried as it is; inside mesh TLS the connection has labels already.
          if (outer) a.labels = { tls: 'opaque', sni: this.serverNames.bound(sni) };
          return false;
        }
        a.socket.unshift(bytes);
        this.terminator.terminate(a.socket, (t) => this.terminated(a, t), (reason) => {
          core.log.debug('a TLS handshake failed', { client: addrText(a.client), reason });
          core.metrics.tcpErrors.inbound.with({ error: 'tls handshake' }).value++;
        });
        return true;
      },
      onOpaque: (bytes, early, serverFirst) => {
        if (direct) {
          this.refuse(a, 'no mesh TLS');
          return;
        }
        if (serverFirst) this.firstWords.set(a.app.port, 'server');
        core.detected('inbound', serverFirst ? 'server first' : 'opaque', a.since);
        this.opaque(a, bytes, early);
      },
      onEof: () => a.socket.destroy(),
    });
  }

  private terminated(a: Accepted, t: Terminated): void {
    t.socket.on('error', () => {});
    const b: Accepted = {
      ...a, socket: t.socket, peer: { ip: a.peer.ip, tls: true, identity: t.clientId },
      labels: t.clientId === '' ? { tls: 'true' } : { tls: 'true', client_id: t.clientId },
    };
    if (!t.transportHeader) {
      if (a.app.port === this.port) this.refuse(b, 'no transport header');
      else this.sniff(b, false);
      return;
    }
    readTransportHeader(t.socket, this.core.clock, (header, rest) => {
      const c: Accepted = { ...b, app: { ip: a.app.ip, port: header.port }, takesRefusals: header.takesRefusals };
      if (header.name !== '' || t.clientId === '') this.refuse(c, header.name === '' ? 'no client identity' : 'not a gateway');
      else this.whenKnown(c, () => (header.protocol === null ? this.opaque(c, rest, null) : this.http(c, header.protocol === 'http1' ? 1 : 2, rest)));
    }, () => this.refuse(b, 'bad transport header'));
  }

  private http(a: Accepted, version: 1 | 2, bytes: Buffer): void {
    const { core } = this;
    if (!this.policies.get(a.app.port).takes(a.app.ip)) {
      this.refuse(a, 'not an address of the server');
      return;
    }
    this.firstWords.set(a.app.port, 'client, HTTP');
    core.detected('inbound', version === 1 ? 'http/1' : 'http/2', a.since);
    core.transport.track(a.socket, { direction: 'inbound', peer: 'src', ...a.labels, target_port: String(a.app.port) });
    core.serve(a.socket, version, this.stacks.connection({ app: a.app, client: { tls: a.peer.tls, identity: a.peer.identity }, labels: a.labels, takesRefusals: a.takesRefusals }, a.client), bytes);
  }

  private opaque(a: Accepted, bytes: Buffer, early: Socket | null): void {
    const { core } = this;
    const policy = this.policies.get(a.app.port);
    if (!policy.takes(a.app.ip)) {
      early?.destroy();
      this.refuse(a, 'not an address of the server');
      return;
    }
    const labels = { direction: 'inbound', ...a.labels, target_port: String(a.app.port) };
    const { allowed, rule, audits } = policy.judge(a.peer).connection();
    for (const r of audits) core.metrics.tcpAudit.with({ ...labels, ...r.labels }).value++;
    if (!allowed) {
      core.metrics.tcpDeny.with({ ...labels, ...rule?.labels }).value++;
      early?.destroy();
      abort(a.socket);
      return;
    }
    core.metrics.tcpAllow.with({ ...labels, ...rule!.labels }).value++;
    this.endWhenDenied(a, labels);
    core.transport.track(a.socket, { direction: 'inbound', peer: 'src', ...a.labels, target_port: String(a.app.port) });
    const join = (server: Socket): void => {
      if (a.socket.destroyed) {
        server.destroy();
        return;
      }
      const forward = new Forward(a.socket, server, bytes.length > 0 ? bytes : null, () => core.forwards.delete(forward));
      core.forwards.add(forward);
    };
    if (early !== null) {
      join(early);
      return;
    }
    const cancel = connectTcp(this.apps.get(a.app), this.pool, 1, join, (error) => {
      core.log.debug('the application does not accept a connection', { app: addrText(a.app), error: error.message });
      core.metrics.tcpErrors.inbound.with({ error: error.code }).value++;
      abort(a.socket);
    });
    a.socket.once('close', cancel);
  }

  /** Bytes that flow are not judged again one by one, so a policy that comes to deny the client ends its connections. */
  private endWhenDenied(a: Accepted, labels: Labels): void {
    const { policies, core } = this;
    const stop = policies.onChange(a.app.port, () => {
      if (policies.get(a.app.port).judge(a.peer).connection().allowed) return;
      core.metrics.tcpTerminate.with(labels).value++;
      abort(a.socket);
    });
    a.socket.once('close', stop);
  }

  private refuse(a: Accepted, why: string): void {
    this.core.log.debug('a connection to the inbound port was refused', { client: addrText(a.client), why });
    this.core.metrics.tcpErrors.inbound.with({ error: why }).value++;
    a.socket.destroy();
  }
}
