import { ProxyError } from '../errors.ts';
import { ANSWERED, type Layer } from '../message/contract.ts';
import type { Peer } from '../policy/authorize.ts';
import type { PortPolicy } from '../policy/inbound.ts';
import { respondError } from '../respond.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Counter } from '../telemetry/registry.ts';

/** Lets a request pass only when the port's policy, as it is at that moment, allows the client. */
export function authorize(policy: () => PortPolicy, peer: Peer, metrics: Metrics, labels: Record<string, string>): Layer {
  const counters = new Map<string, Counter>();
  const count = (allowed: boolean, more: Record<string, string>): void => {
    const key = `${allowed} ${Object.values(more).join()}`;
    let c = counters.get(key);
    if (c === undefined) counters.set(key, c = (allowed ? metrics.httpAllow : metrics.httpDeny).with({ ...labels, ...more }));
    c.value++;
  };
  return (next) => (head, ended, client) => {
    const p = policy();
    const { rule, route } = p.request(peer, head);
    count(rule !== null, { ...p.labels, ...route, ...rule?.labels });
    if (rule !== null) return next(head, ended, client);
    respondError(head, client, new ProxyError('DENIED', `${peer.identity || (peer.tls ? 'a client without identity' : 'an unmeshed client')} at ${peer.ip} is not authorized`));
    return ANSWERED;
  };
}
