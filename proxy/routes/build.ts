import type { OrigDst } from '../accept/addr.ts';
import type { DispatchConfig } from '../balance/dispatch.ts';
import type { Core } from '../core.ts';
import type { Balancers } from '../discover/balancers.ts';
import type { Service } from '../message/contract.ts';
import type { OutboundModel } from '../policy/outbound/model.ts';
import { BackendSet } from './backends.ts';
import type { Budgets } from './budgets.ts';
import { buildHttpRoutes } from './http.ts';
import { TcpRoutes } from './tcp.ts';

/** What becomes of the traffic for one destination, ready to run; shared by all connections to it. */
export interface BuiltRoutes {
  protocol: OutboundModel['protocol'];
  http1: Service;
  http2: Service;
  opaque: TcpRoutes;
  /** only for protocol 'tls' */
  tls: TcpRoutes;
  /** calls f once it is known of every backend that is one of several whether it has endpoints */
  whenHeard(f: () => void): void;
  /** gives the backends back, once something else is in use */
  release(): void;
}

export interface BuildConfig {
  core: Core;
  balancers: Balancers;
  dispatch: Omit<DispatchConfig, 'balancer'>;
}

export function buildRoutes(model: OutboundModel, dst: OrigDst, budgets: Budgets, { core, balancers, dispatch }: BuildConfig): BuiltRoutes {
  const backends = new BackendSet(balancers, core.random);
  budgets.turn();
  const http = { core, dst, parent: model.parent, backends, budgets, dispatch };
  const tcp = { core, parent: model.parent, backends };
  // Built whatever the protocol is: HTTP connections from before an update to another one go on with what the model has for them.
  const http1 = buildHttpRoutes(model.http1, http);
  const opaque = new TcpRoutes(model.opaque, tcp);
  return {
    protocol: model.protocol, http1, opaque,
    http2: model.http2 === model.http1 ? http1 : buildHttpRoutes(model.http2, http),
    tls: model.protocol === 'tls' ? new TcpRoutes(model.tls, tcp) : opaque,
    whenHeard: (f) => backends.whenHeard(f),
    release: () => backends.release(),
  };
}
