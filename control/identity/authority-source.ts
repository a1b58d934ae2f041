/** Issuer and trust anchors as the cluster has them now, followed by watches: a mounted copy would come a minute late, and not before the pod starts. */
import { ANCHORS_CONFIG_MAP, ANCHORS_KEY, ISSUER_SECRET } from '../../api/names.ts';
import type { Clock } from '../../lib/clock.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { RESOURCES, type Resource } from '../../lib/kube/resources.ts';
import type { ConfigMap, KubeObject, Secret } from '../../lib/kube/types.ts';
import { watch, type Watcher } from '../../lib/kube/watch.ts';
import type { Log } from '../../lib/log.ts';

/** PEM texts; '' for what is not there. */
export interface AuthorityTexts { certificate: string; key: string; anchors: string }

export interface AuthoritySource {
  current(): AuthorityTexts;
  /** calls back after every change of one of the objects */
  onChange(listener: () => void): void;
  /** null, or why nothing is known yet */
  problem(): string | null;
  stop(): Promise<void>;
}

export interface SourceOptions { kube: KubeClient; namespace: string; clock: Clock; log: Log }

/** One object by its name; RBAC grants the watch only with this selector. */
export function watchOne<T extends KubeObject>({ kube, namespace, clock, log }: SourceOptions, resource: Resource<T>, name: string): Watcher<T> {
  return watch<T>({ client: kube, resource, namespace, fieldSelector: `metadata.name=${name}`, clock, log });
}

export function authoritySource(options: SourceOptions): AuthoritySource {
  const { namespace } = options;
  const issuer: Watcher<Secret> = watchOne(options, RESOURCES.secrets, ISSUER_SECRET);
  const anchors: Watcher<ConfigMap> = watchOne(options, RESOURCES.configmaps, ANCHORS_CONFIG_MAP);
  const decoded = (value: string | undefined): string => Buffer.from(value ?? '', 'base64').toString('utf8');
  return {
    current() {
      const data = issuer.store.get(`${namespace}/${ISSUER_SECRET}`)?.data;
      return {
        certificate: decoded(data?.['tls.crt']),
        key: decoded(data?.['tls.key']),
        anchors: anchors.store.get(`${namespace}/${ANCHORS_CONFIG_MAP}`)?.data?.[ANCHORS_KEY] ?? '',
      };
    },
    onChange(listener) {
      for (const watcher of [issuer, anchors]) watcher.on({ added: listener, updated: listener, deleted: listener });
    },
    problem: () => [issuer, anchors].map((w) => (w.hasSynced() ? null : (w.lastError()?.message ?? 'waiting for the API server'))).find((p) => p !== null) ?? null,
    async stop() {
      await Promise.all([issuer.stop(), anchors.stop()]);
    },
  };
}
