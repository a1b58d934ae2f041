/** Identity.Certify. Source of the rules: api/proto/identity.proto and the reference's identity service. */
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { createHash } from 'node:crypto';
import type { MeshConfig } from '../../api/config.ts';
import { CertifyResponseSchema, type CertifyRequest, type CertifyResponse } from '../../api/gen/identity_pb.js';
import { identityName, parseIdentity, spiffeId } from '../../api/names.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { Authority } from '../../lib/pki/authority.ts';
import { checkCsr, MalformedCsr } from './csr.ts';
import type { EventRecorder } from '../events.ts';
import type { IssuerStore } from './issuer.ts';
import type { IdentityMetrics } from './metrics.ts';
import { TokenRefused, type Account } from './token-review.ts';

export interface CertifyDeps {
  config: MeshConfig;
  issuer: Pick<IssuerStore, 'usable'>;
  review: (token: Uint8Array, signal: AbortSignal) => Promise<Account>;
  clock: Clock;
  log: Log;
  metrics: Pick<IdentityMetrics, 'certified' | 'reviewed'>;
  events: EventRecorder;
}

/** Reviews that may be under way: callers are not authenticated before theirs, so they must not be able to drown the API server. */
const MAX_REVIEWS = 64;

export type Certify = (request: CertifyRequest, context: { signal: AbortSignal }) => Promise<CertifyResponse>;

export function certifier(deps: CertifyDeps): Certify {
  const { config, clock, log, metrics } = deps;
  let reviews = 0;

  async function review(request: CertifyRequest, signal: AbortSignal): Promise<Account> {
    if (reviews >= MAX_REVIEWS) throw new ConnectError('too many certificate requests at once', Code.Unavailable);
    reviews++;
    const start = clock.now();
    try {
      return await deps.review(request.token, signal);
    } catch (err) {
      if (err instanceof TokenRefused) throw new ConnectError(`the token is refused: ${err.message}`, Code.FailedPrecondition);
      log.warn({ reason: (err as Error).message }, 'token not reviewed');
      throw new ConnectError('the API server could not be asked about the token', Code.Unavailable);
    } finally {
      reviews--;
      metrics.reviewed((clock.now() - start) / 1000);
    }
  }

  async function certify(request: CertifyRequest, signal: AbortSignal): Promise<CertifyResponse> {
    for (const [field, empty] of [['identity', request.identity === ''], ['token', request.token.length === 0], ['certificate_signing_request', request.certificateSigningRequest.length === 0]] as const) {
      if (empty) throw new ConnectError(`${field} is missing`, Code.InvalidArgument);
    }
    const asked = parseIdentity(request.identity);
    if (!asked) throw new ConnectError('identity is not of the form SA.NAMESPACE.serviceaccount.identity.CONTROL-NAMESPACE.TRUST-DOMAIN', Code.InvalidArgument);
    const issuer = deps.issuer.usable();
    if ('reason' in issuer) throw new ConnectError(issuer.reason, Code.Unavailable);

    const uri = spiffeId(asked.serviceAccount, asked.namespace, asked.trustDomain);
    const publicKey = await checkCsr(request.certificateSigningRequest, request.identity, uri).catch((err: Error) => {
      throw err instanceof MalformedCsr ? new ConnectError(err.message, Code.InvalidArgument) : new ConnectError(`the certificate signing request is refused: ${err.message}`, Code.FailedPrecondition);
    });
    const account = await review(request, signal);
    const entitled = identityName(account.name, account.namespace, config.trustDomain, config.controlNamespace);
    if (entitled !== request.identity) {
      throw new ConnectError(`the token is of ServiceAccount ${account.namespace}/${account.name}, which is not ${request.identity}`, Code.FailedPrecondition);
    }
    return sign(issuer.authority, entitled, account, publicKey);
  }

  async function sign(authority: Authority, name: string, account: Account, publicKey: Parameters<Authority['issue']>[0]['publicKey']): Promise<CertifyResponse> {
    const leaf = await authority.issue({
      publicKey,
      dnsNames: [name],
      uris: [spiffeId(account.name, account.namespace, config.trustDomain)],
      lifetimeSeconds: config.identity.issuanceLifetimeSeconds,
      skewSeconds: config.identity.clockSkewSeconds,
      now: clock.wall(),
    });
    const until = new Date(leaf.notAfter).toISOString();
    const fingerprint = createHash('sha256').update(leaf.der).digest('hex');
    log.info({ identity: name, notAfter: until, fingerprint }, 'certificate issued');
    deps.events.record(
      { apiVersion: 'v1', kind: 'ServiceAccount', namespace: account.namespace, name: account.name, ...(account.uid && { uid: account.uid }) },
      'Normal', 'IssuedLeafCertificate', `issued certificate for ${name} until ${until}: ${fingerprint}`,
    );
    return create(CertifyResponseSchema, {
      leafCertificate: leaf.der,
      intermediateCertificates: [...authority.intermediates],
      validUntil: timestampFromMs(leaf.notAfter),
    });
  }

  return async (request, { signal }) => {
    const start = clock.now();
    let code = 'ok';
    try {
      return await certify(request, signal);
    } catch (err) {
      const error = err instanceof ConnectError ? err : new ConnectError('signing failed', Code.Internal);
      code = Code[error.code].replaceAll(/(?<=[a-z])[A-Z]/g, (c) => `_${c}`).toLowerCase();
      if (error === err) log.warn({ identity: request.identity, code, reason: error.rawMessage }, 'certificate refused');
      else log.error({ err, identity: request.identity }, 'signing failed');
      throw error;
    } finally {
      metrics.certified(code, (clock.now() - start) / 1000);
    }
  };
}
