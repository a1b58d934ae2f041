/** Chains of the codecs' roles between a client and an origin that speaks HTTP/1, and the whole of two proxies. */
import { systemClock } from '../../../lib/clock.ts';
import { type Http1Client, Sweeper } from '../../../proxy/http1/index.ts';
import { startForwarder, upstreamService } from '../../../proxy/http1/forwarder.testkit.ts';
import { dial, serve } from '../../../proxy/http2/chain.testkit.ts';
import { Http2Client } from '../../../proxy/http2/index.ts';
import { Wire } from '../../../proxy/io/wire.ts';

export interface Chain { port: number; counted: string[]; close(): Promise<void> }

export async function h1ToH1(origin: number): Promise<Chain> {
  return startForwarder(origin);
}

/** HTTP/2 in, HTTP/1 out. */
export async function h2ToH1(origin: number): Promise<Chain> {
  const counted: string[] = [];
  const clients = new Set<Http1Client>();
  const { port, server } = await serve(upstreamService(origin, '127.0.0.1', clients, counted, new Sweeper(systemClock)), (reason) => counted.push(reason));
  return {
    port, counted,
    async close() {
      for (const c of clients) c.destroy();
      await new Promise<void>((done) => { server.close(() => done()); });
    },
  };
}

/** HTTP/1 in, HTTP/2 between, HTTP/1 out. */
export async function h1ToH2ToH1(origin: number): Promise<Chain> {
  const inner = await h2ToH1(origin);
  const link = new Http2Client(new Wire(await dial(inner.port)), { clock: systemClock, count: (reason) => inner.counted.push(reason) });
  const outer = await startForwarder((head, ended, client) => link.call(head, ended, client));
  return {
    port: outer.port, counted: outer.counted,
    async close() {
      link.destroy();
      await outer.close();
      await inner.close();
    },
  };
}

