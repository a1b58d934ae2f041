import { ProxyError } from '../errors.ts';
import { ANSWERED, type Layer, type Service } from '../message/contract.ts';
import type { Peer, Rule } from '../policy/authorize.ts';
import type { PortPolicy } from '../policy/inbound.ts';
import { respondError } from '../respond.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Counter } from '../telemetry/registry.ts';
import type { Labels } from '../telemetry/text.ts';

/** What follows from one route and rule of one policy: where it is counted, and what an allowed request passes next. */
interface Lane { route: Labels; rule: Rule | null; counter: Counter; service: Service | null }

/**
 * Lets a request pass only when the port's policy, as it is at that moment, allows the client. `inner` makes the layers of what was allowed, which
 * get the labels of the server, route and authorization that did: like Linkerd's, request metrics name them and leave denied requests out.
 */
export function authorize(policy: () => PortPolicy, peer: Peer, metrics: Metrics, labels: Labels, inner: (labels: Labels) => Layer): Layer {
  return (next) => {
    let known: PortPolicy | null = null;
    let lanes: Lane[] = [];
    const laneOf = (p: PortPolicy, route: Labels, rule: Rule | null): Lane => {
      if (p !== known) {
        known = p;
        lanes = [];
      }
      for (const l of lanes) if (l.rule === rule && l.route === route) return l;
      const judged = { ...p.labels, ...route, ...rule?.labels };
      const family = rule === null ? metrics.httpDeny : metrics.httpAllow;
      const lane = { route, rule, counter: family.with({ ...labels, ...judged }), service: rule === null ? null : inner(judged)(next) };
      lanes.push(lane);
      return lane;
    };
    return (head, ended, client) => {
      const p = policy();
      const { rule, route } = p.request(peer, head);
      const lane = laneOf(p, route, rule);
      lane.counter.value++;
      if (lane.service !== null) return lane.service(head, ended, client);
      respondError(head, client, new ProxyError('DENIED', `${peer.identity || (peer.tls ? 'a client without identity' : 'an unmeshed client')} at ${peer.ip} is not authorized`));
      return ANSWERED;
    };
  };
}
