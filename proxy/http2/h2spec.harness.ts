/** A small server for conformance tools: answers every request with a few octets once it is complete. Started on port 0 by tests. */
import { type AddressInfo, type Server, createServer } from 'node:net';
import { systemClock } from '../../lib/clock.ts';
import { Wire } from '../io/wire.ts';
import { ResponseHead, type Service } from '../message/contract.ts';
import { ERRORS } from '../errors.ts';
import { serveHttp2 } from './server.ts';

const BODY = Buffer.from('a few octets\n');

export const answerAll: Service = (_head, ended, client) => {
  const answer = (): void => {
    client.head(new ResponseHead(200, ['content-type', 'text/plain'], BODY.length));
    client.data(BODY, 0, BODY.length);
    client.end(null);
  };
  if (ended) answer();
  return {
    data: (_buf, start, end) => client.credit(end - start),
    end: answer,
    reset() {},
    credit() {},
  };
};

/** Listens on a free port of the loopback; `count` gets the reason of everything refused. */
export async function startHarness(service: Service = answerAll, count: (reason: string) => void = () => {}): Promise<{ port: number; server: Server }> {
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    serveHttp2(new Wire(socket), service, { clock: systemClock, count, refuse: (e) => new ResponseHead(ERRORS[e.code].status, [], 0) });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { port: (server.address() as AddressInfo).port, server };
}
