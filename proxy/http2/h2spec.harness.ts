/** A small server for conformance tools: answers every request with a few octets once it is complete. */
import type { Server } from 'node:net';
import { ResponseHead, type Service } from '../message/contract.ts';
import { serve } from './chain.testkit.ts';

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
export async function startHarness(count: (reason: string) => void = () => {}): Promise<{ port: number; server: Server }> {
  return serve(answerAll, count);
}
