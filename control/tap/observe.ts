import { connect as connectHttp2 } from 'node:http2';
import { type PeerCertificate, type TLSSocket, connect as connectTls } from 'node:tls';
import { METHODS, tap_ObserveRequest, tap_TapEvent } from '../../api/gen/tables.ts';
import type { ObserveRequest, TapEvent } from '../../api/gen/tap_pb.js';
import { FrameParser, frame } from '../../lib/grpc/frame.ts';
import { STATUS, decodeMessage, parseStatus, statusName, statusOfHttp } from '../../lib/grpc/status.ts';
import { type Init, type Plain, decode, encode } from '../../lib/grpc/wire.ts';
import { parseSubjectAltName } from '../../lib/pki/san.ts';
import type { Credentials } from '../serve/credentials.ts';

export interface ObserveCall {
  ip: string;
  port: number;
  /** that the proxy must prove; also the SNI */
  identity: string;
  credentials: Credentials;
  request: Init<ObserveRequest>;
  /** its abort ends the call without an error */
  signal: AbortSignal;
  /** the proxy has taken the call */
  opened: () => void;
  event: (event: Plain<TapEvent>) => void;
}

const HANDSHAKE_MS = 5000;

function openTls({ ip, port, identity, credentials }: ObserveCall): Promise<TLSSocket> {
  const checkServerIdentity = (_: string, certificate: PeerCertificate): Error | undefined => {
    const [first] = parseSubjectAltName(certificate.subjectaltname).dns;
    return first === identity ? undefined : new Error(`the proxy at ${ip} is ${first ?? 'nobody'}, not ${identity}`);
  };
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      host: ip, port, servername: identity, minVersion: 'TLSv1.3', checkServerIdentity,
      key: credentials.keyPem, cert: credentials.chain, ca: credentials.anchors,
    });
    socket.setTimeout(HANDSHAKE_MS, () => void socket.destroy(new Error(`${ip}:${port} did not answer within ${HANDSHAKE_MS} ms`)));
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      socket.setTimeout(0);
      resolve(socket);
    });
  });
}

/**
 * One call of Tap.Observe on a connection of its own, over mesh TLS. Resolves when the proxy has reported as many exchanges as it was asked for,
 * or the signal is aborted; rejects with an Error fit for a person.
 */
export async function observe(call: ObserveCall): Promise<void> {
  const socket = await openTls(call);
  const session = connectHttp2(`https://${call.identity}`, { createConnection: () => socket });
  try {
    await stream(session, call);
  } finally {
    session.destroy();
  }
}

function stream(session: ReturnType<typeof connectHttp2>, { request, signal, opened, event }: ObserveCall): Promise<void> {
  return new Promise((resolve, reject) => {
    session.once('error', reject);
    const rpc = session.request({ ':method': 'POST', ':path': METHODS.Tap_Observe, 'content-type': 'application/grpc', te: 'trailers' });
    let status: string | undefined;
    let text = '';
    let http = 0;
    const parser = new FrameParser((bytes) => event(decode(tap_TapEvent, bytes)));
    const note = (headers: Record<string, unknown>): void => {
      status = (headers['grpc-status'] as string | undefined) ?? status;
      text = decodeMessage((headers['grpc-message'] as string | undefined) ?? '') || text;
    };
    rpc.on('response', (headers) => {
      http = headers[':status'] ?? 0;
      note(headers);
      if (http === 200 && status === undefined) opened();
    });
    rpc.on('trailers', note);
    rpc.on('data', (chunk: Buffer) => {
      try {
        parser.push(chunk);
      } catch (e) {
        rpc.destroy(e as Error);
      }
    });
    const abort = (): void => {
      rpc.close();
      session.destroy();
      resolve();
    };
    signal.addEventListener('abort', abort, { once: true });
    rpc.once('error', reject);
    rpc.once('close', () => {
      signal.removeEventListener('abort', abort);
      const code = status === undefined && http !== 200 ? statusOfHttp(http) : parseStatus(status);
      if (code === STATUS.OK || signal.aborted) resolve();
      else reject(new Error(`${statusName(code)}: ${text || (status === undefined ? 'the proxy ended the tap' : 'no reason given')}`));
    });
    rpc.end(frame(encode(tap_ObserveRequest, request)));
    if (signal.aborted) abort();
  });
}
