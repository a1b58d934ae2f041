/** Asks proxies and control pods whom they trust and who they are, so that a rotation goes on because everybody followed, not because time passed. */
import { X509Certificate } from 'node:crypto';
import type { IdentityReport } from '../../../api/identity-status.ts';
import { LABELS, PART_OF } from '../../../api/names.ts';
import { PORTS } from '../../../api/ports.ts';
import type { Clock } from '../../../lib/clock.ts';
import type { KubeClient } from '../../../lib/kube/client.ts';
import { RESOURCES } from '../../../lib/kube/resources.ts';
import type { Pod } from '../../../lib/kube/types.ts';
import { proxyOf, runsStockProxy } from '../../../lib/mesh/pods.ts';
import { certificatesOf } from '../../../lib/pki/pem.ts';
import { notAfter } from '../../../lib/pki/verify.ts';
import { fingerprintOf, isSignedBy } from './facts.ts';

export interface CensusOptions {
  kube: KubeClient;
  clock: Clock;
  controlNamespace: string;
  /** the text of GET http://ip:port/identity */
  fetch: (ip: string, port: number, signal: AbortSignal) => Promise<string>;
}

/** Who is waited for: as many as `count`, the first of them as "namespace/pod: why". */
export interface Waiting { count: number; pods: string[] }

export interface Census {
  /** Who does not trust this anchor, or cannot be asked. Who did once is not asked again. */
  withoutAnchor(fingerprint: string, signal: AbortSignal): Promise<Waiting>;
  /** Who has a certificate that leads to one of these anchors. Those who cannot be asked have renewed or run out. */
  under(anchors: readonly X509Certificate[], signal: AbortSignal): Promise<Waiting>;
}

interface Target { key: string; uid: string; ip: string; port: number }

const PAGE = 500;
const AT_ONCE = 32;
const TIMEOUT_MS = 3000;
const SHOWN = 10;

export function census({ kube, clock, controlNamespace, fetch }: CensusOptions): Census {
  /** uids of pods that trust `trusted` */
  let followed = new Set<string>();
  let trusted = '';

  async function* targets(signal: AbortSignal): AsyncGenerator<Target> {
    const selections = [
      { labelSelector: `${LABELS.controlPlaneNs}=${controlNamespace}` },
      { labelSelector: `${LABELS.partOf}=${PART_OF}`, namespace: controlNamespace },
    ];
    for (const selection of selections) {
      let next: string | undefined;
      do {
        const page = await kube.page(RESOURCES.pods, { ...selection, limit: PAGE, continue: next, signal });
        for (const pod of page.items) {
          const target = targetOf(pod);
          if (target) yield target;
        }
        next = page.metadata.continue || undefined;
      } while (next !== undefined);
    }
  }

  async function ask({ ip, port }: Target, signal: AbortSignal): Promise<IdentityReport> {
    const limit = new AbortController();
    const timer = clock.after(TIMEOUT_MS, () => limit.abort(new Error('no answer in time')));
    try {
      const report = JSON.parse(await fetch(ip, port, AbortSignal.any([signal, limit.signal]))) as Partial<Record<keyof IdentityReport, unknown>> | null;
      const text = (value: unknown): string => (typeof value === 'string' ? value : '');
      return { identity: text(report?.identity), chain: text(report?.chain), anchors: text(report?.anchors) };
    } finally {
      clock.cancel(timer);
    }
  }

  /** Looks at every pod, some at a time; `judge` answers why a pod is waited for, or null. */
  async function survey(signal: AbortSignal, skip: (target: Target) => boolean, judge: (target: Target) => Promise<string | null>): Promise<Waiting> {
    const waiting: Waiting = { count: 0, pods: [] };
    const running = new Set<Promise<void>>();
    for await (const target of targets(signal)) {
      if (skip(target)) continue;
      const one = judge(target).then((reason) => {
        running.delete(one);
        if (reason === null) return;
        waiting.count++;
        if (waiting.pods.length < SHOWN) waiting.pods.push(`${target.key}: ${reason}`);
      });
      running.add(one);
      if (running.size >= AT_ONCE) await Promise.race(running);
    }
    await Promise.all(running);
    signal.throwIfAborted();
    waiting.pods.sort();
    return waiting;
  }

  return {
    withoutAnchor(fingerprint, signal) {
      if (trusted !== fingerprint) [trusted, followed] = [fingerprint, new Set()];
      return survey(signal, ({ uid }) => followed.has(uid), async (target) => {
        try {
          const { anchors } = await ask(target, signal);
          if (!certificatesOf(anchors).some((der) => fingerprintOf(new X509Certificate(der)) === fingerprint)) return 'has not read the new trust anchors yet';
          followed.add(target.uid);
          return null;
        } catch (error) {
          return `cannot be asked (${(error as Error).message})`;
        }
      });
    },
    under: (anchors, signal) => survey(signal, () => false, async (target) => {
      try {
        const [leaf, above] = certificatesOf((await ask(target, signal)).chain).map((der) => new X509Certificate(der));
        if (!leaf || notAfter(leaf) < clock.wall() || !anchors.some((anchor) => isSignedBy(above ?? leaf, anchor))) return null;
        return `has a certificate under the old anchor until ${leaf.validToDate.toISOString()}`;
      } catch {
        return null;
      }
    }),
  };
}

/**
 * Where a pod can be asked; null for one that does not run. A stock linkerd2-proxy cannot be asked and would not follow before its pod is replaced: nobody waits
 * for it, the cross-certificate carries it.
 */
function targetOf(pod: Pod): Target | null {
  const { metadata, status } = pod;
  const ip = status?.podIP;
  if (status?.phase !== 'Running' || ip === undefined || metadata.deletionTimestamp || runsStockProxy(pod)) return null;
  const proxy = proxyOf(pod);
  const port = proxy ? (proxy.ports?.find((p) => p.name === 'mesh-admin')?.containerPort ?? PORTS.admin) : PORTS.controlAdmin;
  return { key: `${metadata.namespace}/${metadata.name}`, uid: metadata.uid ?? metadata.name, ip, port };
}
