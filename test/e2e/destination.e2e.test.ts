import assert from 'node:assert/strict';
import { INJECT } from '../../api/annotations.ts';
import { apply, dropNamespaces, identityOf, inPod, proxyMetrics, total, waitFor, waitReady } from './steps.ts';
import { kube, MESHED, namespace, nodeContainer, PROBE_NAMESPACE, type Thing } from './world.ts';

const NS = 'kinds';
/** Answers with the name of its pod on the port of its first argument, slowly enough that requests at once are spread; told to end, it goes on for a while as an application does that drains. */
const SERVER = `
import { createServer } from 'node:http';
createServer((req, res) => setTimeout(() => res.end(process.env.HOSTNAME), 100)).listen(Number(process.argv[1]));
process.on('SIGTERM', () => setTimeout(() => process.exit(0), 20_000));
`;
/** Prints who answered, by URL: so many requests to each at once, because one after the other would all go to the fastest. */
const CALL = `
const { urls, times } = JSON.parse(process.argv[2]);
const seen = {};
for (const url of urls) {
  const names = await Promise.all(Array.from({ length: times }, async () => {
    const res = await fetch(url, { signal: AbortSignal.timeout(8000) });
    const text = await res.text();
    return res.ok ? text : String(res.status);
  }));
  seen[url] = [...new Set(names)].sort().join();
}
console.log(JSON.stringify(seen));
process.exit(0);
`;

const app = (port: number): Record<string, unknown> => {
  const container = nodeContainer('app', SERVER, { ports: [{ name: 'web', containerPort: port }], readinessProbe: { tcpSocket: { port }, periodSeconds: 1 } });
  return { ...container, command: [...(container.command as string[]), String(port)] };
};
const annotations = (meshed: boolean): Record<string, string> => (meshed ? { [INJECT]: 'enabled' } : {});

function pod(name: string, port: number, labels: Record<string, string>, meshed = true): Thing {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: NS, labels, annotations: annotations(meshed) }, spec: { terminationGracePeriodSeconds: 30, containers: [app(port)] } };
}

function service(name: string, spec: Record<string, unknown>): Thing {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: NS }, spec: { ports: [{ name: 'http', port: 80, targetPort: 'web' }], ...spec } };
}

/** A slice of one address that nobody but the test keeps. */
function slice(of: string, name: string, ip: string, port: number, more: Record<string, unknown> = {}): Thing {
  return {
    apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name: `${of}-${name}`, namespace: NS, labels: { 'kubernetes.io/service-name': of } },
    addressType: 'IPv4', ports: [{ name: 'http', port }], endpoints: [{ addresses: [ip], ...more }],
  };
}

const url = (host: string, port = 80): string => `http://${host}.${NS}.svc.cluster.local:${port}/`;

/** Who answered requests of the meshed client, by host. */
async function answers(times: number, ...urls: string[]): Promise<string[]> {
  const seen = await inPod<Record<string, string>>(PROBE_NAMESPACE, MESHED, CALL, JSON.stringify({ urls, times }));
  return urls.map((one) => seen[one]!);
}

/** Waits until exactly these have answered at each: a burst may go to the faster one alone. */
async function everybody(names: string, ...urls: string[]): Promise<void> {
  for (const one of urls) {
    const seen = new Set<string>();
    await waitFor(`${names} to answer at ${one}`, async () => {
      for (const name of (await answers(16, one))[0]!.split(',')) seen.add(name);
      return [...seen].sort().join() === names;
    });
  }
}

const spoken = async (labels: Record<string, string>): Promise<number> => total(await proxyMetrics(PROBE_NAMESPACE, MESHED), 'response_total', { direction: 'outbound', ...labels });

describe('every kind of Service', () => {
  const ips = new Map<string, string>();
  let node = '';

  before(async function () {
    this.timeout(180_000);
    await apply(
      namespace(NS),
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'db', namespace: NS } },
      {
        apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'db', namespace: NS },
        spec: {
          serviceName: 'db', replicas: 2, podManagementPolicy: 'Parallel', selector: { matchLabels: { app: 'db' } },
          template: { metadata: { labels: { app: 'db' }, annotations: annotations(true) }, spec: { serviceAccountName: 'db', containers: [app(7000)] } },
        },
      },
      pod('one', 8081, { app: 'numbers' }), pod('two', 8082, { app: 'numbers' }), pod('bare', 8080, { app: 'bare' }, false), pod('last', 8080, { app: 'ending' }),
      service('db', { clusterIP: 'None', selector: { app: 'db' }, ports: [{ name: 'http', port: 7000 }] }),
      service('numbers', { selector: { app: 'numbers' }, ipFamilyPolicy: 'PreferDualStack' }),
      service('ending', { selector: { app: 'ending' } }),
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'alias', namespace: NS }, spec: { type: 'ExternalName', externalName: `numbers.${NS}.svc.cluster.local` } },
      ...['by-hand', 'zoned'].map((name) => service(name, {})), service('near', { internalTrafficPolicy: 'Local' }),
    );
    await waitFor('the pods of the StatefulSet', async () => (await kube().json<{ items: unknown[] }>('list pods', ['get', 'pods', '-n', NS])).items.length === 6);
    await waitReady(NS, 'one', 'two', 'bare', 'last', 'db-0', 'db-1');
    const { items } = await kube().json<{ items: { metadata: { name: string }; spec: { nodeName: string }; status: { podIP: string } }[] }>('list pods', ['get', 'pods', '-n', NS]);
    for (const { metadata, status } of items) ips.set(metadata.name, status.podIP);
    const client = await kube().json<{ spec: { nodeName: string } }>('get the client', ['get', 'pod', MESHED, '-n', PROBE_NAMESPACE]);
    node = client.spec.nodeName;
    const found = await kube().json<{ metadata: { labels: Record<string, string> } }>('get the node', ['get', 'node', node]);
    const zone = found.metadata.labels['topology.kubernetes.io/zone']!;
    const [one, two] = [ips.get('one')!, ips.get('two')!];
    const hints = (name: string) => ({ conditions: { ready: true }, zone: name, hints: { forZones: [{ name }] } });
    await apply(
      slice('by-hand', 'meshed', one, 8081), slice('by-hand', 'bare', ips.get('bare')!, 8080),
      slice('near', 'here', one, 8081, { nodeName: node }), slice('near', 'there', two, 8082, { nodeName: 'another-node' }),
      slice('zoned', 'there', one, 8081, hints('another-zone')), slice('zoned', 'here', two, 8082, hints(zone)),
    );
  });

  after(() => dropNamespaces(NS));

  it('leads to a pod of a StatefulSet by its name, and to any by the headless one, secured', async () => {
    assert.deepEqual(await answers(3, url('db-1.db', 7000), url('db-0.db', 7000)), ['db-1', 'db-0']);
    const [any] = await answers(3, url('db', 7000));
    assert.match(any!, /^(db-0|db-1|db-0,db-1)$/);
    for (const name of ['db-0', 'db-1']) assert.ok(await spoken({ dst_statefulset: 'db', dst_pod: name, tls: 'true', server_id: identityOf('db', NS) }) >= 3, name);
  });

  it('finds the port of a name where each pod has another number for it, and an ExternalName what it stands for', async () => {
    await everybody('one,two', url('numbers'), url('alias'));
    assert.ok(await spoken({ dst_service: 'numbers', tls: 'true' }) >= 32);
    assert.equal(await spoken({ dst_service: 'numbers', tls: 'no_identity' }), 0);
  });

  it('answers on both addresses of a dual-stack Service and of a pod, each time over its own family', async () => {
    const { spec: { clusterIPs } } = await kube().json<{ spec: { clusterIPs: string[] } }>('get a service', ['get', 'service', 'numbers', '-n', NS]);
    const { status: { podIPs } } = await kube().json<{ status: { podIPs: { ip: string }[] } }>('get a pod', ['get', 'pod', 'db-0', '-n', NS]);
    const six = [clusterIPs[1]!, podIPs[1]!.ip];
    for (const ip of six) assert.match(ip, /^fd00:/);
    await everybody('one,two', `http://${clusterIPs[0]}/`, `http://[${six[0]}]/`);
    await everybody('db-0', `http://[${six[1]}]:7000/`);
    for (const name of ['one', 'two', 'db-0']) {
      const served = (await proxyMetrics(NS, name)).filter((one) => one.name === 'response_total' && one.labels.direction === 'inbound' && one.labels.client_id === identityOf(MESHED, PROBE_NAMESPACE));
      for (const bracket of [false, true]) assert.ok(served.some(({ labels }) => labels.target_addr!.startsWith('[') === bracket), `${name} over ${bracket ? 'IPv6' : 'IPv4'}`);
    }
  });

  it('takes slices written by hand: mutual TLS to a pod of the mesh, plain to another', async () => {
    await everybody('bare,one', url('by-hand'));
    assert.ok(await spoken({ dst_service: 'by-hand', dst_pod: 'one', tls: 'true' }) > 0);
    assert.ok(await spoken({ dst_service: 'by-hand', tls: 'no_identity' }) > 0);
  });

  it('stays on the node with internalTrafficPolicy Local, and in the zone with hints', async () => {
    assert.deepEqual(await answers(12, url('near'), url('zoned')), ['one', 'two']);
    assert.ok(await spoken({ dst_service: 'zoned', dst_zone: 'local-1', dst_zone_locality: 'local' }) >= 12);
    // Nothing is left in the zone: everything there is serves.
    await kube().must('delete a slice', ['delete', 'endpointslice', 'zoned-here', '-n', NS]);
    await waitFor('the other zone to serve', async () => (await answers(1, url('zoned')))[0] === 'one');
    await kube().must('delete a slice', ['delete', 'endpointslice', 'near-here', '-n', NS]);
    await waitFor('nobody on the node to serve', async () => (await answers(1, url('near')))[0] === '503');
  });

  it('lets a pod that ends serve until another is ready, and not a request longer', async () => {
    assert.deepEqual(await answers(1, url('ending')), ['last']);
    await kube().must('delete a pod', ['delete', 'pod', 'last', '-n', NS, '--wait=false']);
    await waitFor('the slice to say so', async () => {
      const { items } = await kube().json<{ items: { endpoints: { conditions: { ready: boolean; serving: boolean; terminating: boolean } }[] }[] }>('list slices', ['get', 'endpointslices', '-n', NS, '-l', 'kubernetes.io/service-name=ending']);
      return items[0]!.endpoints.some(({ conditions: { ready, serving, terminating } }) => !ready && serving && terminating);
    });
    assert.deepEqual(await answers(5, url('ending')), ['last']);
    await apply(pod('next', 8080, { app: 'ending' }));
    await waitReady(NS, 'next');
    await waitFor('the new pod to serve alone', async () => (await answers(5, url('ending')))[0] === 'next');
    assert.ok(await spoken({ dst_service: 'ending', dst_pod: 'last', tls: 'true' }) >= 6);
  });
});
