import type { ClientHttp2Session } from 'node:http2';
import fc from 'fast-check';

/** Octets that are no message as it should be: a good one with some octets changed, cut off, or anything. */
export function spoiled(good: Uint8Array): fc.Arbitrary<Buffer> {
  const edited = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }).map((edits) => {
    const copy = Buffer.from(good);
    for (const [at, octet] of edits) copy[at] = octet;
    return copy;
  });
  const cut = fc.nat(good.length).map((length) => Buffer.from(good.subarray(0, length)));
  return fc.oneof(edited, cut, fc.uint8Array({ maxLength: 300 }).map((octets) => Buffer.from(octets)));
}

/** Bodies that are not one frame of gRPC: anything, and a good message behind other flags and lengths. */
export function spoiledFrames(good: Uint8Array): fc.Arbitrary<Buffer> {
  return fc.oneof(fc.uint8Array({ maxLength: 40 }).map((octets) => Buffer.from(octets)), fc.tuple(fc.nat(255), fc.nat(0xff_ff_ff_ff)).map(([flags, length]) => {
    const head = Buffer.alloc(5);
    head[0] = flags;
    head.writeUInt32BE(length, 1);
    return Buffer.concat([head, good]);
  }));
}

/**
 * The gRPC status of the answer to these octets, `http 404` and the like for none, 'reset' for a stream that was ended without either. A stream that is still
 * open when `settled` resolves is cancelled and 'open'.
 */
export function rawCall(session: ClientHttp2Session, path: string, body: Uint8Array, settled?: () => Promise<unknown>): Promise<string> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' });
    let status: unknown;
    let http = 200;
    stream.on('response', (headers) => {
      http = headers[':status'] ?? 0;
      status ??= headers['grpc-status'];
    });
    stream.on('trailers', (headers) => { status ??= headers['grpc-status']; });
    stream.on('error', () => undefined);
    stream.once('close', () => resolve(typeof status === 'string' ? status : http === 200 ? 'reset' : `http ${http}`));
    stream.resume();
    stream.end(body);
    settled?.().then(() => {
      if (stream.closed) return;
      resolve('open');
      stream.close();
    }, reject);
  });
}
