/** A cluster in miniature for rotations: the four objects, proxies that read bundles late and renew certificates, and writes that break off. */
import { X509Certificate } from 'node:crypto';
import type { MeshConfig } from '../../../../api/config.ts';
import type { IdentityStatus } from '../../../../api/identity-status.ts';
import { CONTAINERS } from '../../../../api/names.ts';
import { ManualClock } from '../../../../lib/clock.ts';
import type { KubeClient } from '../../../../lib/kube/client.ts';
import { KubeError } from '../../../../lib/kube/error.ts';
import { RESOURCES, type Resource } from '../../../../lib/kube/resources.ts';
import { ClusterState } from '../../../../lib/kube/testing/cluster-state.ts';
import type { ConfigMap, KubeObject, Pod, Secret } from '../../../../lib/kube/types.ts';
import { silentLog } from '../../../../lib/log.ts';
import { Authority } from '../../../../lib/pki/authority.ts';
import { generateKeys } from '../../../../lib/pki/keys.ts';
import { certificatesOf, parseCertificates, toPem } from '../../../../lib/pki/pem.ts';
import { pathToAnchor } from '../../../../lib/pki/verify.ts';
import { testConfig } from '../../../serve/testing/config.ts';
import { census } from '../census.ts';
import { rotation, type Rotation } from '../loop.ts';

export interface Proxy {
  name: string;
  /** between a change of the bundle and the proxy's reading it */
  lagMs: number;
  /** does not answer */
  silent?: boolean;
  /** of its container */
  container?: string;
  anchors: string;
  chain: string;
  renewAt: number;
}

const NS = 'mesh-system';
const START = Date.UTC(2026, 0, 1);
const LEAF_SECONDS = 60;

export class World {
  readonly clock = new ManualClock(START);
  readonly state = new ClusterState();
  readonly proxies: Proxy[] = [];
  readonly events: string[] = [];
  readonly config: MeshConfig;
  /** what happens to the next writes: 'before' loses them, 'after' breaks off when they are done */
  readonly faults: ('before' | 'after' | null)[] = [];
  readonly #bundles: { at: number; pem: string }[] = [];
  #rotation: Rotation;
  #podNumber = 0;

  constructor(identity: Partial<MeshConfig['identity']> = {}) {
    this.config = {
      ...testConfig,
      identity: { ...testConfig.identity, issuanceLifetimeSeconds: LEAF_SECONDS, issuerLifetimeSeconds: 600, anchorLifetimeSeconds: 3600, rotationPatienceSeconds: 300, ...identity },
    };
    for (const name of ['mesh-identity-root', 'mesh-identity-issuer']) this.put('secrets', { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: NS } });
    for (const name of ['mesh-trust-anchors', 'mesh-identity-status']) this.put('configmaps', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: NS } });
    this.#rotation = this.#lead();
  }

  put(plural: string, object: KubeObject): void {
    this.state.put(plural, object);
  }

  /** Another process leads from now on. */
  restart(): void {
    this.#rotation = this.#lead();
  }

  #lead(): Rotation {
    return rotation({
      kube: this.#kube(), config: this.config, clock: this.clock, log: silentLog(), random: () => 0,
      census: census({
        kube: this.#kube(), clock: this.clock, controlNamespace: NS,
        fetch: (ip) => {
          const { silent, chain, anchors } = this.proxies.find((p) => p.name === ip)!;
          return silent ? Promise.reject(new Error('connect ETIMEDOUT')) : Promise.resolve(JSON.stringify({ identity: ip, chain, anchors }));
        },
      }),
      tell: (reason) => void this.events.push(reason),
      onStatus: () => undefined,
      changes: () => 0,
      changedSince: () => new Promise(() => undefined),
    });
  }

  #kube(): KubeClient {
    const key = (name: string, namespace: string | undefined): string => `${namespace}/${name}`;
    const written = <T extends KubeObject>(resource: Resource<T>, object: KubeObject): Promise<T> => {
      const fault = this.faults.shift() ?? null;
      if (fault === 'before') return Promise.reject(new Error('killed before the write'));
      const known = this.state.find(resource.plural, key(object.metadata.name, object.metadata.namespace));
      if (object.metadata.resourceVersion !== undefined && known?.metadata.resourceVersion !== object.metadata.resourceVersion) {
        return Promise.reject(new KubeError(409, 'Conflict', 'the object has been modified'));
      }
      const stored = this.state.put(resource.plural, object);
      const bundle = this.bundle();
      if (this.#bundles.at(-1)?.pem !== bundle) this.#bundles.push({ at: this.clock.wall(), pem: bundle });
      return fault === 'after' ? Promise.reject(new Error('killed after the write')) : Promise.resolve(stored as T);
    };
    const kube: Partial<KubeClient> = {
      get: <T extends KubeObject>(resource: Resource<T>, name: string, namespace?: string) => {
        const found = this.state.find(resource.plural, key(name, namespace));
        return found ? Promise.resolve(structuredClone(found) as T) : Promise.reject(new KubeError(404, 'NotFound', `${resource.plural} "${name}" not found`));
      },
      replace: (resource, object) => written(resource, object),
      patch: (resource, name, namespace, patch) => {
        const known = this.state.find(resource.plural, key(name, namespace)) as ConfigMap;
        return written(resource, { ...known, data: { ...known.data, ...(patch.body as ConfigMap).data } } as KubeObject);
      },
      page: <T extends KubeObject>(resource: Resource<T>, options?: { namespace?: string | undefined }) => {
        const items: Pod[] = resource === RESOURCES.pods as Resource && options?.namespace === undefined ? this.proxies.map(({ name, container = CONTAINERS.proxy }) => ({
          metadata: { name, namespace: 'shop', uid: name }, spec: { containers: [], initContainers: [{ name: container }] }, status: { phase: 'Running', podIP: name },
        })) : [];
        return Promise.resolve({ metadata: {}, items: items as unknown as T[] });
      },
    };
    return kube as KubeClient;
  }

  bundle(): string {
    return (this.state.find('configmaps', `${NS}/mesh-trust-anchors`) as ConfigMap).data?.['ca-bundle.crt'] ?? '';
  }

  status(): IdentityStatus {
    return JSON.parse((this.state.find('configmaps', `${NS}/mesh-identity-status`) as ConfigMap).data?.['status.json'] ?? '{}') as IdentityStatus;
  }

  secret(name: 'mesh-identity-root' | 'mesh-identity-issuer', key: string): string {
    return Buffer.from((this.state.find('secrets', `${NS}/${name}`) as Secret).data?.[key] ?? '', 'base64').toString('utf8');
  }

  request(what: 'issuer' | 'anchor', value: string): void {
    const object = this.state.find('configmaps', `${NS}/mesh-identity-status`)!;
    this.put('configmaps', { ...object, metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, [`kubectl-mesh.io/rotate-${what}`]: value } } });
  }

  /** The leader works until it has to wait; what is thrown is a crash, and another one goes on. */
  async work(): Promise<void> {
    const { signal } = new AbortController();
    for (let i = 0; i < 100; i++) {
      try {
        if ((await this.#rotation.pass(signal)) > 0) return;
      } catch (error) {
        if (!(error as Error).message.startsWith('killed')) throw error;
        this.restart();
      }
    }
    throw new Error('the rotation never comes to rest');
  }

  async addProxy(more: Partial<Proxy> = {}): Promise<Proxy> {
    const proxy: Proxy = { name: `pod-${this.#podNumber++}`, lagMs: 60_000, anchors: this.bundle(), chain: '', renewAt: 0, ...more };
    this.proxies.push(proxy);
    await this.#certify(proxy);
    return proxy;
  }

  async #certify(proxy: Proxy): Promise<void> {
    const now = this.clock.wall();
    const authority = await Authority.load({ certificate: this.secret('mesh-identity-issuer', 'tls.crt'), key: this.secret('mesh-identity-issuer', 'tls.key') }, this.bundle(), now);
    const leaf = await authority.issue({ publicKey: generateKeys().publicKey, dnsNames: [proxy.name], lifetimeSeconds: this.config.identity.issuanceLifetimeSeconds, skewSeconds: 20, now });
    proxy.chain = [leaf.der, ...authority.intermediates].map(toPem).join('');
    proxy.renewAt = now + (leaf.notAfter - now) * 0.7;
  }

  /** Time passes; proxies read bundles and renew; the leader works. */
  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    const now = this.clock.wall();
    for (const proxy of this.proxies) {
      const seen = this.#bundles.findLast(({ at }) => at + proxy.lagMs <= now);
      if (seen) proxy.anchors = seen.pem;
      if (now >= proxy.renewAt) await this.#certify(proxy);
    }
    await this.work();
  }

  /** Pairs of proxies of which the second cannot verify the first. */
  strangers(): string[] {
    const now = this.clock.wall();
    const all = this.proxies.map(({ name, chain, anchors }) => ({ name, chain: certificatesOf(chain).map((der) => new X509Certificate(der)), anchors: parseCertificates(anchors, name) }));
    return all.flatMap((a) => all.filter((b) => !pathToAnchor(a.chain, b.anchors, now)).map((b) => `${b.name} does not trust ${a.name}`));
  }
}
