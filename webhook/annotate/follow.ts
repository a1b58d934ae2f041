import { ADMISSION_LABEL } from '../../api/webhooks.ts';
import type { Clock } from '../../lib/clock.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { isNotFound } from '../../lib/kube/error.ts';
import { RESOURCES } from '../../lib/kube/resources.ts';
import type { Namespace } from '../../lib/kube/types.ts';
import { watch } from '../../lib/kube/watch.ts';
import type { Log } from '../../lib/log.ts';
import { mirrorToLabel } from './namespace.ts';

export interface FollowOptions {
  kube: KubeClient;
  clock: Clock;
  log: Log;
  /** names of namespaces that the mesh stays out of */
  skip: ReadonlySet<string>;
}

/**
 * Does for namespaces what the webhook does when it is asked, for those that were written while nobody answered: before the mesh was
 * installed, or with the injector down. In step with the webhook it finds nothing to do.
 */
export function followNamespaces({ kube, clock, log, skip }: FollowOptions): { stop(): Promise<void> } {
  const watcher = watch({ client: kube, resource: RESOURCES.namespaces, log, clock });

  function reconcile(namespace: Namespace): void {
    const { name, labels, deletionTimestamp, resourceVersion } = namespace.metadata;
    if (skip.has(name) || deletionTimestamp !== undefined || labels?.[ADMISSION_LABEL] === 'disabled') return;
    const { operations } = mirrorToLabel(namespace);
    if (operations.length === 0) return;
    const unchanged = { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion };
    kube.patch(RESOURCES.namespaces, name, undefined, { type: 'json', body: [unchanged, ...operations] }).then(
      () => log.info({ namespace: name }, 'the inject label of a namespace now says what its annotation says'),
      (err: unknown) => {
        if (!isNotFound(err)) log.warn({ err, namespace: name }, 'the inject annotation of a namespace could not be mirrored into its label');
      },
    );
  }

  watcher.on({ added: reconcile, updated: reconcile });
  return { stop: () => watcher.stop() };
}
