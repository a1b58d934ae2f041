/**
 * How a control service gets its certificate: as a proxy does, from mesh-identity, by its ServiceAccount token. Renewed at 70 % of its life, with the
 * last one in use until then; the trust anchors are read again when their file changes.
 */
import { readFile } from 'node:fs/promises';
import type { MeshConfig } from '../../api/config.ts';
import { IDENTITY_WORKLOAD, identityName, SERVICES } from '../../api/names.ts';
import { PORTS } from '../../api/ports.ts';
import type { Clock } from '../../lib/clock.ts';
import { backoff, sleep } from '../../lib/kube/backoff.ts';
import type { Log } from '../../lib/log.ts';
import { createCsr } from '../../lib/pki/csr.ts';
import { generateKeys, keyPem } from '../../lib/pki/keys.ts';
import { parseCertificates, toPem } from '../../lib/pki/pem.ts';
import type { ControlEnv } from '../env.ts';
import { certify, type Certified, type CertifyCall } from './certify.ts';
import type { Credentials, MeshIdentity } from './credentials.ts';
import { watchTexts } from './files.ts';
import { CredentialsHolder } from './holder.ts';
import { renewAfter } from './renewal.ts';

export interface LeafDeps {
  config: MeshConfig;
  log: Log;
  clock: Clock;
  /** numbers in [0, 1) */
  random?: () => number;
  call?: (call: CertifyCall) => Promise<Certified>;
}

const CALL_TIMEOUT_MS = 10_000;
const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 10_000;
/** Nothing is served before the first certificate, and mesh-identity starts at the same time as the others. */
const MAX_FIRST_RETRY_MS = 1000;

/** Identity of the ServiceAccount that a token is for, read from its claims. Nothing is decided by it: mesh-identity reviews the token. */
export function identityOfToken(token: string, config: MeshConfig): string {
  const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8') || 'null');
  const subject = (claims as { sub?: unknown } | null)?.sub;
  const match = typeof subject === 'string' ? /^system:serviceaccount:([^:]+):([^:]+)$/.exec(subject) : null;
  if (!match) throw new Error('the token is not one of a ServiceAccount');
  return identityName(match[2]!, match[1]!, config.trustDomain, config.controlNamespace);
}

/** Starts at once and goes on until stop(). */
export function meshIdentity(env: ControlEnv, deps: LeafDeps): MeshIdentity {
  const { config, clock } = deps;
  const log = deps.log.child({ part: 'leaf' });
  const random = deps.random ?? Math.random;
  const stopping = new AbortController();
  let renewal = new AbortController();
  const holder = new CredentialsHolder(() => stopping.abort());
  const address = env.identityAddr || `${SERVICES.identity}.${config.controlNamespace}.svc.${config.clusterDomain}:${PORTS.identity}`;
  const serverName = identityName(IDENTITY_WORKLOAD, config.controlNamespace, config.trustDomain, config.controlNamespace);

  async function once(): Promise<Credentials> {
    const [anchors, token] = await Promise.all([readFile(env.anchorsFile, 'utf8'), readFile(env.tokenFile, 'utf8')]);
    parseCertificates(anchors, `the trust anchor bundle (${env.anchorsFile})`);
    const name = identityOfToken(token, config);
    const { privateKey: key } = generateKeys();
    const timeout = new AbortController();
    const timer = clock.after(CALL_TIMEOUT_MS, () => timeout.abort());
    try {
      const signal = AbortSignal.any([stopping.signal, timeout.signal]);
      const got = await (deps.call ?? certify)({ address, serverName, anchors, identity: name, token: Buffer.from(token), csr: createCsr(key, name), signal });
      const chain = [got.leaf, ...got.intermediates].map(toPem).join('');
      parseCertificates(chain, 'the certificate from mesh-identity');
      return { key, keyPem: keyPem(key), chain, anchors, name, notAfter: got.validUntil };
    } finally {
      clock.cancel(timer);
    }
  }

  async function run(): Promise<void> {
    let pause = backoff(random, FIRST_RETRY_MS, MAX_FIRST_RETRY_MS);
    while (!stopping.signal.aborted) {
      try {
        const credentials = await once();
        pause = backoff(random, FIRST_RETRY_MS, MAX_RETRY_MS);
        holder.set(credentials);
        log.info({ identity: credentials.name, notAfter: new Date(credentials.notAfter).toISOString() }, 'certificate issued');
        renewal = new AbortController();
        await sleep(clock, renewAfter(clock.wall(), credentials.notAfter, random()), AbortSignal.any([stopping.signal, renewal.signal]));
      } catch (err) {
        const wait = pause.next();
        const current = holder.current();
        const left = current ? Math.round((current.notAfter - clock.wall()) / 1000) : 0;
        if (!stopping.signal.aborted) log.warn({ reason: (err as Error).message, address, retryMs: Math.round(wait), certificateSecondsLeft: left }, 'no certificate from mesh-identity');
        await sleep(clock, wait, stopping.signal);
      }
    }
  }

  const watch = watchTexts([env.anchorsFile], [null], clock, ([anchors]) => {
    const current = holder.current();
    if (!current || anchors === null || anchors === undefined || anchors === current.anchors) return;
    try {
      parseCertificates(anchors, 'the trust anchor bundle');
    } catch (err) {
      log.error({ reason: (err as Error).message }, 'new trust anchors refused, the old ones stay');
      return;
    }
    holder.set({ ...current, anchors });
    log.info('trust anchors changed');
    // A rotation begins: a certificate of a longer lifetime than is given now would hold it up until its end.
    renewal.abort();
  });
  stopping.signal.addEventListener('abort', () => watch.stop(), { once: true });
  void run();
  return holder;
}
