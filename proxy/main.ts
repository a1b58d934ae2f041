/** Starts one proxy: reads the environment, wires the parts together, and ends gracefully on SIGTERM. */
import fs from 'node:fs';
import type net from 'node:net';
import { systemClock } from '../lib/clock.ts';
import { splitAddr, unmap } from './accept/addr.ts';
import { hosts, listenTcp, type Listening } from './accept/listen.ts';
import { createGetOrigDst, fixedOrigDst, type GetOrigDst } from './accept/orig-dst.ts';
import { attributes, EnvError, parseEnv, type Listen, type ProxyEnv } from './env.ts';
import { held } from './io/held.ts';
import { dropChunks } from './io/pool.ts';
import { onBug } from './io/wire.ts';
import { Log } from './log.ts';
import { IdleCollector } from './memory/collector.ts';
import { processHeap } from './memory/native.ts';
import { Proxy } from './proxy.ts';
import type { TcpOptions } from './tcp/options.ts';

const LAST_SPANS_MS = 1_000;

function fail(message: string): never {
  process.stderr.write(`mesh-proxy: ${message}\n`);
  process.exit(1);
}

function readEnv(): ProxyEnv {
  try {
    const env = parseEnv(process.env);
    if (env.trace !== null && env.trace.attributesFile !== '') env.trace.attributes = { ...attributes(fs.readFileSync(env.trace.attributesFile, 'utf8')), ...env.trace.attributes };
    return env;
  } catch (e) {
    return fail(e instanceof EnvError ? e.problems.join('\nmesh-proxy: ') : String(e));
  }
}

async function main(): Promise<void> {
  const env = readEnv();
  const log = new Log(env.logLevel, (line) => process.stdout.write(line), () => systemClock.wall(), env.logFormat);
  const redirected = env.origDst.inbound === '' || env.origDst.outbound === '' ? createGetOrigDst() : null;
  const proxy = new Proxy({
    env, log, clock: systemClock, random: Math.random,
    readToken: () => fs.promises.readFile(env.identity.tokenFile),
    readAnchors: () => (env.identity.anchors !== '' ? env.identity.anchors : fs.readFileSync(env.identity.anchorsFile, 'utf8')),
    origDst: { inbound: pick(env.origDst.inbound, redirected), outbound: pick(env.origDst.outbound, redirected) },
  });

  const turnedAway = proxy.metrics.tcpErrors.inbound.with({ error: 'accept' });
  const listen = async (addr: Listen, tcp: TcpOptions, accept: (s: net.Socket) => void): Promise<Listening> =>
    listenTcp(hosts(addr.host, env.podIps.some((ip) => ip.includes(':'))), addr.port, tcp, accept, () => { turnedAway.value++; })
      .catch((e: NodeJS.ErrnoException) => fail(e.code === 'EADDRINUSE'
        ? `port ${addr.port} is in use by another process of the pod; change the application's port or the proxy's (annotation)` : e.message));
  const servers = await Promise.all([
    listen(env.listen.outbound, env.tcp.outboundAccept, proxy.acceptOutbound),
    listen(env.listen.inbound, env.tcp.inboundAccept, proxy.acceptInbound),
    listen(env.listen.admin, env.tcp.inboundAccept, (s) => proxy.acceptAdmin(s, isLoopbackPeer(s))),
    listen(env.listen.tap, env.tcp.inboundAccept, proxy.acceptTap),
  ]);
  proxy.onReady = () => log.info('ready', { sinceStartMs: Math.round(systemClock.now()) });
  proxy.start();
  log.info('listening', { outbound: env.listen.outbound.port, inbound: env.listen.inbound.port, identity: env.identity.name });

  new IdleCollector(systemClock, processHeap(dropChunks, () => held.connections)).start();

  const { bug } = proxy;
  onBug(bug);
  // A sidecar that dies takes its pod's traffic along: what broke is reported, and everything else goes on.
  process.on('uncaughtException', bug);
  process.on('unhandledRejection', bug);

  let ending = false;
  const end = (why: string): void => {
    if (ending) {
      log.info('stopped without waiting for what is still open', { why });
      process.exit(0);
    }
    ending = true;
    for (const s of servers.slice(0, 2)) s.close();
    log.info('draining', { why, graceMs: env.shutdownGraceMs });
    void proxy.drain(env.shutdownGraceMs).then(async () => {
      // The last spans are worth a moment, but not the pod's end.
      if (proxy.spans !== null) await Promise.race([proxy.spans.flush(), new Promise<void>((r) => { setTimeout(r, LAST_SPANS_MS); })]);
      log.info('stopped');
      process.exit(0);
    });
  };
  proxy.onShutdown = () => { if (!ending) end('asked by the admin endpoint'); };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end(signal));
}

function pick(fixed: string, redirected: GetOrigDst | null): GetOrigDst {
  if (fixed === '') return redirected!;
  const a = splitAddr(fixed);
  return fixedOrigDst(a.ip, a.port);
}

function isLoopbackPeer(s: net.Socket): boolean {
  const ip = unmap(s.remoteAddress ?? '');
  return ip === '::1' || ip.startsWith('127.');
}

await main();
