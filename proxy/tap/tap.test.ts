import assert from 'node:assert/strict';
import * as tables from '../../api/gen/tables.ts';
import { frame } from '../../lib/grpc/frame.ts';
import { encode } from '../../lib/grpc/wire.ts';
import { field, RequestHead, type Fields, type RequestStream, type ResponseStream } from '../message/contract.ts';
import { MAX_TAPS, TapHub } from './hub.ts';
import { OBSERVE_PATH, tapService } from './service.ts';

const PARTIES = { direction: 'INBOUND', source: { ip: '10.0.0.1', port: 1 }, sourceLabels: {}, destination: { ip: '10.0.0.2', port: 80 }, destinationLabels: {} } as const;

class Client implements ResponseStream {
  trailers: Fields | null = null;
  bytes = 0;
  informational(): void {}
  head(): void {}
  data(_buf: Buffer, start: number, end: number): void { this.bytes += end - start; }
  end(trailers: Fields | null): void { this.trailers = trailers; }
  reset(): void {}
  credit(): void {}
}

const REQUEST = frame(encode(tables.tap_ObserveRequest, { limit: 0 }));

describe('tap', () => {
  const observe = (hub: TapHub): { client: Client; up: RequestStream } => {
    const client = new Client();
    const head = new RequestHead('POST', 'http', 'x', OBSERVE_PATH, ['content-type', 'application/grpc']);
    const up = tapService(hub, 1)(head, false, client);
    up.data(REQUEST, 0, REQUEST.length);
    return { client, up };
  };
  const exchange = (hub: TapHub): boolean => {
    const plain = new Client();
    return hub.observe(new RequestHead('GET', 'http', 'x', '/', []), () => PARTIES, plain) === plain;
  };

  it('leaves exchanges alone while nobody watches', () => {
    const hub = new TapHub(() => 0);
    assert.equal(exchange(hub), true);
    const { up, client } = observe(hub);
    assert.equal(exchange(hub), false);
    assert.ok(client.bytes > 0);
    up.reset({ label: 'CANCEL' } as never);
    assert.equal(exchange(hub), true);
  });

  it('is bounded: so many taps, so many bytes for each, one request a call', () => {
    const hub = new TapHub(() => 0);
    const taps = Array.from({ length: MAX_TAPS }, () => observe(hub));
    const late = observe(hub);
    assert.equal(field(late.client.trailers!, 'grpc-status'), '8');
    for (let i = 0; i < 20_000; i++) exchange(hub);
    // Nothing was read, so nothing more is written.
    for (const { client } of taps) assert.ok(client.bytes < 300 * 1024, String(client.bytes));
    const [first] = taps;
    first!.up.data(REQUEST, 0, REQUEST.length);
    assert.equal(field(first!.client.trailers!, 'grpc-status'), '3');
    assert.equal(observe(hub).client.trailers, null, 'its place is free');
  });
});
