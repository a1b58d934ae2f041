import type { Service } from '../../../lib/kube/types.ts';
import { failoverSteps } from '../../../lib/traffic/failover-chain.ts';
import type { FailoverView } from '../../../lib/traffic/failover-chain.ts';
import type { Backend } from '../outbound/model.ts';
import { serviceBackend, settingsOf } from './context.ts';
import type { Sources } from './context.ts';

export function failoverView(sources: Sources): FailoverView {
  return { service: (key) => sources.view.service(key), failoverOf: (service) => settingsOf(service, sources).failover };
}

/** The service, then those that it fails over to, then those that these fail over to, each once. */
export function failoverChain(service: Service, port: number, sources: Sources): Backend[] {
  return failoverSteps(service, port, failoverView(sources)).map((one) => serviceBackend(one.service, one.port, sources));
}
