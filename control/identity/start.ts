import { Identity } from '../../api/gen/identity_pb.js';
import { IDENTITY_WORKLOAD, identityName, spiffeId } from '../../api/names.ts';
import type { StartService } from '../deps.ts';
import { reportOf } from '../serve/credentials.ts';
import { serveGrpc } from '../serve/grpc.ts';
import { authoritySource } from './authority-source.ts';
import { certifier } from './certify.ts';
import { eventRecorder } from '../events.ts';
import { openIssuer } from './issuer.ts';
import { identityMetrics } from './metrics.ts';
import { OwnLeaf } from './own-leaf.ts';
import { startRotation } from './rotation/start.ts';
import { reviewToken } from './token-review.ts';

/** The identity service. It serves with a certificate of its own making, so it needs no other service to start. */
export const start: StartService = async (env, deps) => {
  const { config, clock, admin } = deps;
  const log = deps.log.child({ service: 'identity' });
  const own = new OwnLeaf({
    name: identityName(IDENTITY_WORKLOAD, config.controlNamespace, config.trustDomain, config.controlNamespace),
    uri: spiffeId(IDENTITY_WORKLOAD, config.controlNamespace, config.trustDomain),
    lifetimeSeconds: config.identity.issuanceLifetimeSeconds,
    skewSeconds: config.identity.clockSkewSeconds,
    clock,
    log,
  });
  const recorder = () => eventRecorder({ kube: () => deps.kube, clock, log, component: IDENTITY_WORKLOAD, host: env.podName });
  const events = recorder();
  // Its own bound: a thousand certificates at once must not keep what happens to the authority from being told.
  const authorityEvents = recorder();
  const workload = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: config.controlNamespace, name: IDENTITY_WORKLOAD };
  let loadedBefore = false;
  const source = authoritySource({ kube: deps.kube, namespace: config.controlNamespace, clock, log });
  const issuer = openIssuer({
    source,
    clock,
    log,
    onUpdate(authority, anchors) {
      if (loadedBefore) authorityEvents.record(workload, 'Normal', 'IssuerUpdated', `signing with the issuer and the trust anchors as they are now; the chain ends at ${new Date(authority.notAfter).toISOString()}`);
      loadedBefore = true;
      own.issueBy(authority, anchors).catch((err: unknown) => log.error({ err }, 'own certificate not issued'));
    },
    onInvalid: (reason) => authorityEvents.record(workload, 'Warning', 'IssuerValidationFailed', reason),
  });
  const seconds = (): number => {
    const usable = issuer.usable();
    return 'reason' in usable ? 0 : (usable.authority.notAfter - clock.wall()) / 1000;
  };
  const metrics = identityMetrics(admin.registry, seconds, () => clock.wall());
  const certify = certifier({ config, clock, log, events, issuer, metrics, review: (token, signal) => reviewToken(deps.kube, token, signal) });
  admin.reportIdentity(() => reportOf(own));
  const rotation = startRotation(deps, {
    podName: env.podName, log, source,
    tell(reason, message, warning = false) {
      authorityEvents.record(workload, warning ? 'Warning' : 'Normal', reason, message);
      metrics.told(reason);
    },
    onStatus: (status) => metrics.rotation(status),
  });
  admin.addCheck('identity', () => {
    const usable = issuer.usable();
    return 'reason' in usable ? usable.reason : null;
  });
  let listening = false;
  admin.addCheck('identity-grpc', () => (listening ? null : 'not listening yet'));
  const server = await serveGrpc({
    host: env.listenHost,
    port: env.ports.identity,
    identity: own,
    log,
    clock,
    signal: deps.signal,
    finishes: true,
    routes: (router) => router.service(Identity, { certify: (request, context) => certify(request, context) }),
  });
  listening = true;
  return {
    async stop() {
      admin.removeCheck('identity');
      admin.removeCheck('identity-grpc');
      // Those that ask for a certificate just now still get one.
      await Promise.all([rotation.stop(), server.stop()]);
      issuer.stop();
      await source.stop();
      own.stop();
    },
  };
};
