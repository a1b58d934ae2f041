/** Proxies that start: each asks for its first certificate on a connection of its own. */
import { systemClock } from '../../../../lib/clock.ts';
import { createCsr } from '../../../../lib/pki/csr.ts';
import { generateKeys, keyPem } from '../../../../lib/pki/keys.ts';
import type { Http2Client } from '../../../../proxy/http2/index.ts';
import { pem } from '../../../../proxy/discover/certify.ts';
import { unary } from '../../../../proxy/discover/grpc.ts';
import { CERTIFY } from '../../../../proxy/discover/methods.ts';
import { connect } from './connection.ts';
import type { Answers, Leaf, Question } from './protocol.ts';

const TIMEOUT_MS = 10_000;
/** More are of no use to whoever asked. */
const KEPT = 50;

export async function certifyAll({ server, tokens, atOnce, keep = false }: Extract<Question, { do: 'certify' }>): Promise<Answers['certify']> {
  const leaves: Leaf[] = [];
  const latencies: number[] = [];
  const failed: Record<string, number> = {};
  const began = performance.now();
  let next = 0;

  async function one({ identity, token }: (typeof tokens)[number], kept: Http2Client | null): Promise<void> {
    const { privateKey } = generateKeys();
    const csr = createCsr(privateKey, identity);
    const asked = performance.now();
    const connection = kept ?? await connect(server, null);
    try {
      const channel = { service: connection.call, authority: `${server.ip}:${server.port}`, clock: systemClock, random: Math.random };
      const answer = await unary(channel, CERTIFY, { identity, token: Buffer.from(token), certificateSigningRequest: csr }, TIMEOUT_MS);
      latencies.push(performance.now() - asked);
      if (leaves.length < KEPT) leaves.push({ key: keyPem(privateKey), chain: [answer.leafCertificate, ...answer.intermediateCertificates].map(pem).join('') });
    } finally {
      if (kept === null) connection.destroy();
    }
  }

  const lane = async (): Promise<void> => {
    const kept = keep ? await connect(server, null) : null;
    while (next < tokens.length) {
      await one(tokens[next++]!, kept).catch((error: Error) => { failed[error.message] = (failed[error.message] ?? 0) + 1; });
    }
    kept?.destroy();
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return { leaves, ms: performance.now() - began, failed, latencies };
}
