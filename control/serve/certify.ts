/** Client of Identity.Certify for the control services: one call on a connection of its own. */
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { PeerCertificate } from 'node:tls';
import { identity_CertifyRequest, identity_CertifyResponse, METHODS } from '../../api/gen/tables.ts';
import { frame, FrameParser } from '../../lib/grpc/frame.ts';
import { decodeMessage, parseStatus, statusName, statusOfHttp, STATUS } from '../../lib/grpc/status.ts';
import { decode, encode } from '../../lib/grpc/wire.ts';
import { parseSubjectAltName } from '../../lib/pki/san.ts';

export interface CertifyCall {
  /** host:port of mesh-identity */
  address: string;
  /** identity that its certificate must prove; also the SNI */
  serverName: string;
  /** PEM */
  anchors: string;
  identity: string;
  token: Uint8Array;
  csr: Uint8Array;
  signal: AbortSignal;
}

export interface Certified {
  /** DER */
  leaf: Uint8Array;
  /** DER */
  intermediates: Uint8Array[];
  /** milliseconds since the epoch */
  validUntil: number;
}

function hostPort(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)) };
}

function openTls(call: CertifyCall): Promise<TLSSocket> {
  const verifyIdentity = (_: string, certificate: PeerCertificate): Error | undefined => {
    const { dns } = parseSubjectAltName(certificate.subjectaltname);
    return dns.includes(call.serverName) ? undefined : new Error(`the server at ${call.address} is ${dns.join(', ') || 'nobody'}, not ${call.serverName}`);
  };
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      ...hostPort(call.address), servername: call.serverName, ca: call.anchors, minVersion: 'TLSv1.3', checkServerIdentity: verifyIdentity,
    });
    const abort = (): void => void socket.destroy(new Error('no answer in time'));
    call.signal.addEventListener('abort', abort, { once: true });
    socket.once('close', () => call.signal.removeEventListener('abort', abort));
    socket.once('error', reject);
    socket.once('secureConnect', () => resolve(socket));
  });
}

function unary(session: ClientHttp2Session, path: string, message: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    session.once('error', reject);
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' });
    let answer: Uint8Array | null = null;
    let status: string | undefined;
    let text = '';
    let http = 0;
    const parser = new FrameParser((m) => {
      answer = Buffer.from(m);
    });
    const note = (headers: Record<string, unknown>): void => {
      status = (headers['grpc-status'] as string | undefined) ?? status;
      text = decodeMessage((headers['grpc-message'] as string | undefined) ?? '') || text;
    };
    stream.on('response', (headers) => {
      http = headers[':status'] ?? 0;
      note(headers);
    });
    stream.on('trailers', note);
    stream.on('data', (chunk: Buffer) => {
      try {
        parser.push(chunk);
      } catch (e) {
        stream.destroy(e as Error);
      }
    });
    stream.once('error', reject);
    stream.once('close', () => {
      const code = status === undefined && http !== 200 ? statusOfHttp(http) : parseStatus(status);
      if (code === STATUS.OK && answer) resolve(answer);
      else reject(new Error(`${statusName(code)}: ${text || 'no answer'}`));
    });
    stream.end(frame(message));
  });
}

/** Rejects with an Error whose message is fit for a log line. */
export async function certify(call: CertifyCall): Promise<Certified> {
  const socket = await openTls(call);
  const session = connectHttp2(`https://${call.serverName}`, { createConnection: () => socket });
  try {
    const request = encode(identity_CertifyRequest, { identity: call.identity, token: call.token, certificateSigningRequest: call.csr });
    const response = decode(identity_CertifyResponse, await unary(session, METHODS.Identity_Certify, request));
    if (response.leafCertificate.length === 0 || !response.validUntil) throw new Error('the answer has no certificate');
    return {
      leaf: response.leafCertificate,
      intermediates: response.intermediateCertificates,
      validUntil: Number(response.validUntil.seconds) * 1000 + Math.floor(response.validUntil.nanos / 1e6),
    };
  } finally {
    session.destroy();
  }
}
