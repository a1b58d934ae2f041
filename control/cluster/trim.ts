import type { Container, EndpointSlice, Namespace, Node, ObjectMeta, Pod, Probe, Service, SliceEndpoint } from '../../lib/kube/types.ts';

/**
 * What the control plane keeps of each object. A cluster has ten thousand pods of 10 kB each as JSON; these functions keep some hundred
 * bytes of them. Each returns a new object, so that the parsed one can go.
 */
export const ZONE_LABEL = 'topology.kubernetes.io/zone';
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
/** In the environment of any linkerd2-compatible proxy, ours and the stock one: ip:port that its inbound side listens on. */
const INBOUND_LISTEN = /_PROXY_INBOUND_LISTEN_ADDR$/;

const ours = (key: string): boolean => key.includes('kubectl-mesh.io/') || key.includes('linkerd.io/');

function only(map: Record<string, string> | undefined, wanted: (key: string) => boolean): Record<string, string> | undefined {
  if (!map) return undefined;
  const entries = Object.entries(map).filter(([key]) => wanted(key));
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

export function trimMeta(m: ObjectMeta, labels: (key: string) => boolean = () => true): ObjectMeta {
  const annotations = only(m.annotations, ours);
  const kept = only(m.labels, labels);
  const owner = m.ownerReferences?.find((reference) => reference.controller);
  return {
    name: m.name,
    ...(m.namespace !== undefined && { namespace: m.namespace }),
    ...(m.resourceVersion !== undefined && { resourceVersion: m.resourceVersion }),
    ...(m.deletionTimestamp !== undefined && { deletionTimestamp: m.deletionTimestamp }),
    ...(kept && { labels: kept }),
    ...(annotations && { annotations }),
    ...(owner && { ownerReferences: [owner] }),
  };
}

function probe(p: Probe | undefined): Probe | undefined {
  if (p?.httpGet) return { httpGet: { port: p.httpGet.port, ...(p.httpGet.path !== undefined && { path: p.httpGet.path }) } };
  if (p?.grpc) return { grpc: { port: p.grpc.port } };
  return undefined;
}

function container(c: Container): Container {
  const probes = { livenessProbe: probe(c.livenessProbe), readinessProbe: probe(c.readinessProbe), startupProbe: probe(c.startupProbe) };
  const env = c.env?.filter((e) => INBOUND_LISTEN.test(e.name)).map(({ name, value }) => ({ name, ...(value !== undefined && { value }) }));
  return {
    name: c.name,
    ...(c.ports?.length && { ports: c.ports.map(({ name, containerPort, hostPort, protocol }) => ({ containerPort, ...(name && { name }), ...(hostPort && { hostPort }), ...(protocol && { protocol }) })) }),
    ...(env?.length && { env }),
    ...Object.fromEntries(Object.entries(probes).filter(([, value]) => value !== undefined)),
  };
}

export function trimPod(pod: Pod): Pod {
  const { spec, status } = pod;
  const ips = status?.podIPs ?? (status?.podIP ? [{ ip: status.podIP }] : []);
  const hostIPs = status?.hostIPs;
  return {
    metadata: trimMeta(pod.metadata),
    spec: {
      containers: spec.containers.map(container),
      ...(spec.initContainers?.length && { initContainers: spec.initContainers.map(container) }),
      ...(spec.serviceAccountName && { serviceAccountName: spec.serviceAccountName }),
      ...(spec.nodeName && { nodeName: spec.nodeName }),
      ...(spec.hostNetwork && { hostNetwork: true }),
    },
    status: { podIPs: ips, ...(status?.phase && { phase: status.phase }), ...(status?.hostIP && { hostIP: status.hostIP }), ...(hostIPs && hostIPs.length > 1 && { hostIPs }) },
  };
}

export function trimService(service: Service): Service {
  const { type, clusterIPs, clusterIP, ipFamilies, externalName, ports, internalTrafficPolicy } = service.spec;
  const ips = clusterIPs ?? (clusterIP === undefined ? [] : [clusterIP]);
  return {
    // events about a service are found by its uid
    metadata: { ...trimMeta(service.metadata), ...(service.metadata.uid !== undefined && { uid: service.metadata.uid }) },
    spec: {
      clusterIPs: ips,
      ...(ipFamilies?.[0] === 'IPv6' && { ipFamilies }),
      ...(type && { type }),
      ...(externalName && { externalName }),
      ...(ports && { ports: ports.map(({ name, port, protocol, appProtocol, targetPort }) => ({ port, ...(name && { name }), ...(protocol && { protocol }), ...(appProtocol && { appProtocol }), ...(targetPort !== undefined && { targetPort }) })) }),
      ...(internalTrafficPolicy && internalTrafficPolicy !== 'Cluster' && { internalTrafficPolicy }),
    },
  };
}

function sliceEndpoint({ addresses, conditions, hostname, nodeName, zone, hints, targetRef }: SliceEndpoint): SliceEndpoint {
  const usual = (conditions?.ready ?? true) && !conditions?.terminating;
  return {
    addresses,
    ...(!usual && conditions && { conditions }),
    ...(hostname && { hostname }),
    ...(nodeName && { nodeName }),
    ...(zone && { zone }),
    ...(hints && { hints }),
    ...(targetRef && { targetRef: { kind: targetRef.kind, name: targetRef.name, namespace: targetRef.namespace } }),
  };
}

export function trimSlice(slice: EndpointSlice): EndpointSlice {
  return {
    metadata: trimMeta(slice.metadata, (key) => key === SERVICE_NAME_LABEL),
    addressType: slice.addressType,
    endpoints: (slice.endpoints ?? []).map(sliceEndpoint),
    ports: slice.ports ?? [],
  };
}

export function trimNamespace(namespace: Namespace): Namespace {
  return { metadata: trimMeta(namespace.metadata, ours), ...(namespace.status && { status: namespace.status }) };
}

export function trimNode(node: Node): Node {
  return { metadata: trimMeta(node.metadata, (key) => key === ZONE_LABEL) };
}
