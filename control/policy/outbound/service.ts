import { isIPv6 } from 'node:net';
import { Code, ConnectError } from '@connectrpc/connect';
import type { OutboundPolicies, TrafficSpec } from '../../../api/gen/outbound_pb.js';
import { outbound_OutboundPolicy } from '../../../api/gen/tables.ts';
import type { Service } from '../../../lib/kube/types.ts';
import { ipText } from '../../cluster/ip.ts';
import { runsStockProxy } from '../../../lib/mesh/pods.ts';
import { parseContext } from '../../cluster/context.ts';
import { Live } from '../../cluster/live.ts';
import { paced } from '../../cluster/pace.ts';
import type { PolicyView } from '../../cluster/route-view.ts';
import { parseTarget, targetKey } from '../../cluster/target.ts';
import type { Family, Target } from '../../cluster/target.ts';
import { framesOnce } from '../../serve/frames.ts';
import type { ServiceHandlers } from '../../serve/router.ts';
import type { Settings } from '../settings/memory.ts';
import { sharedSnapshots, snapshot } from '../snapshot.ts';
import type { PolicyOptions, Snapshot } from '../snapshot.ts';
import { compileOutbound } from './compile.ts';
import type { OutboundPolicy } from './model.ts';
import { forStockProxy } from './stock.ts';
import { outboundMessage } from './wire/policy.ts';
import { once } from '../wire.ts';

export interface OutboundOptions extends PolicyOptions<PolicyView> {
  /** shared with what reports the problems of annotations */
  settings: Settings;
}

/**
 * io.linkerd.proxy.outbound.OutboundPolicies. Only services have policies; for the address of a pod or of nothing in the cluster NOT_FOUND
 * sends the proxy to its profile's endpoint or the original address: routes are for a service's frontend, not for its endpoints. A service that goes away keeps its last policy on open streams.
 */
export function outboundService({ changes, config, streams, clock, onError, settings }: OutboundOptions): ServiceHandlers<typeof OutboundPolicies> & { close(): void } {
  const shared = sharedSnapshots<OutboundPolicy>();

  function compute(key: string, view: PolicyView, previous: Snapshot<OutboundPolicy> | undefined): Snapshot<OutboundPolicy> {
    const [clients = '', text = ''] = key.split('|');
    const target = parseTarget(text, config.clusterDomain)!;
    const service = serviceOf(target, view);
    return shared(snapshot(service && compileOutbound(service, target.port, clients || undefined, { view, config, settings, family: secondFamily(target, service) }), previous));
  }
  const policies = new Live<Snapshot<OutboundPolicy>, PolicyView>({ changes, onError, compute, soon: paced(clock) });
  const frames = framesOnce(outbound_OutboundPolicy, outboundMessage);

  /** namespace of the caller|target; throws when it is no target at all or none of the cluster. */
  function keyOf({ target, sourceWorkload }: TrafficSpec): string {
    let parsed: Target | undefined;
    if (target.case === 'authority') {
      parsed = parseTarget(target.value, config.clusterDomain);
      if (!parsed) throw unknown(target.value);
    } else {
      const ip = ipText(target.value?.ip);
      const port = target.value?.port ?? 0;
      if (ip === undefined || port < 1 || port > 65_535) throw new ConnectError('the call names neither an address nor an authority', Code.InvalidArgument);
      parsed = { kind: 'ip', ip, port };
    }
    return `${parseContext(sourceWorkload).namespace ?? ''}|${targetKey(parsed, config.clusterDomain)}`;
  }

  const forStock = once(forStockProxy);

  /** A policy in the terms of the caller's proxy; of a pod that is not known, in ours. */
  function termsOf({ sourceWorkload }: TrafficSpec): (policy: OutboundPolicy) => OutboundPolicy {
    const { namespace, pod } = parseContext(sourceWorkload);
    return (policy) => {
      const caller = pod === undefined ? undefined : changes.view.pod(`${namespace}/${pod}`);
      return caller && runsStockProxy(caller) ? forStock(policy) : policy;
    };
  }

  return {
    async get(request) {
      const key = keyOf(request);
      const { policy } = await policies.once(key);
      if (!policy) throw unknown(key.slice(key.indexOf('|') + 1));
      return outboundMessage(termsOf(request)(policy));
    },
    watch(request) {
      const key = keyOf(request);
      const inTerms = termsOf(request);
      return (out) => streams.feed<Snapshot<OutboundPolicy>>('Watch', out, (listener) => policies.listen(key, listener), ({ policy }) => {
        if (!policy) throw unknown(key.slice(key.indexOf('|') + 1));
        return frames(inTerms(policy));
      });
    },
    close: () => policies.close(),
  };
}

function serviceOf(target: Target, view: PolicyView): ReturnType<PolicyView['service']> {
  if (target.kind === 'ip') return view.servicesByIp(target.ip)[0];
  const service = target.hostname === undefined ? view.service(`${target.namespace}/${target.name}`) : undefined;
  // Another name of what is elsewhere: it has no endpoints to balance over.
  return service?.spec.type === 'ExternalName' ? undefined : service;
}

/** The family of the address that was asked about, if it is not the one that the service's name stands for. */
function secondFamily(target: Target, { spec: { clusterIPs = [] } }: Service): Family | undefined {
  const first = clusterIPs[0];
  if (target.kind !== 'ip' || first === undefined || isIPv6(target.ip) === isIPv6(first)) return undefined;
  return isIPv6(target.ip) ? 'IPv6' : 'IPv4';
}

function unknown(what: string): ConnectError {
  return new ConnectError(`no service of the cluster is at ${what}`, Code.NotFound);
}
