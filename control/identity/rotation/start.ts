import type { IdentityStatus } from '../../../api/identity-status.ts';
import { IDENTITY_STATUS_CONFIG_MAP, IDENTITY_WORKLOAD } from '../../../api/names.ts';
import { leader, type Leader } from '../../../lib/kube/lease.ts';
import { RESOURCES } from '../../../lib/kube/resources.ts';
import type { Log } from '../../../lib/log.ts';
import type { ControlDeps } from '../../deps.ts';
import { plainGet } from '../../serve/plain-get.ts';
import { watchOne, type AuthoritySource } from '../authority-source.ts';
import { census } from './census.ts';
import { rotation } from './loop.ts';

export interface RotationService {
  stop(): Promise<void>;
}

const MAX_REPORT_BYTES = 1 << 20;

/** Stands for the lead, and keeps root, issuer and anchors in order while it has it. */
export function startRotation(deps: ControlDeps, options: {
  podName: string;
  log: Log;
  source: AuthoritySource;
  tell: (reason: string, message: string, warning?: boolean) => void;
  onStatus: (status: IdentityStatus | null) => void;
}): RotationService {
  const { kube, config, clock } = deps;
  const { log } = options;
  const wakers = new Set<() => void>();
  let changes = 0;
  const wake = (): void => {
    changes++;
    for (const one of wakers) one();
  };
  const requests = watchOne({ kube, namespace: config.controlNamespace, clock, log }, RESOURCES.configmaps, IDENTITY_STATUS_CONFIG_MAP);
  requests.on({ added: wake, updated: wake, deleted: wake });
  options.source.onChange(wake);

  const work = rotation({
    kube, config, clock, log, random: Math.random,
    census: census({
      kube, clock, controlNamespace: config.controlNamespace,
      fetch: (ip, port, signal) => plainGet({ ip, port, path: '/identity', accept: 'application/json', maxBytes: MAX_REPORT_BYTES, signal }),
    }),
    tell: options.tell,
    onStatus: options.onStatus,
    changes: () => changes,
    changedSince: (known, signal) => new Promise((resolve) => {
      if (changes > known || signal.aborted) return resolve();
      wakers.add(resolve);
      signal.addEventListener('abort', () => {
        wakers.delete(resolve);
        resolve();
      }, { once: true });
    }),
  });
  const lead: Leader = leader({
    client: kube, name: IDENTITY_WORKLOAD, namespace: config.controlNamespace, holder: options.podName, clock, log, signal: deps.signal,
    async lead(signal) {
      await work.run(signal);
      options.onStatus(null);
    },
  });
  return {
    async stop() {
      await lead.stop();
      await requests.stop();
    },
  };
}
