/**
 * Command lines and configuration files of what runs on a node, as seen from inside it: the node's state is at /run/node, keys at
 * /run/kubernetes/pki, binaries at /run/kubernetes/bin, and /var is its own. The flags that are not obvious were found by
 * trying on cgroup v1 without CAP_SYS_RESOURCE; each says what fails without it.
 */
import { stringify } from 'yaml';
import { API_SERVICE_IP, CLUSTER_DOMAIN, DNS_SERVICE_IP, SECURE_PORT, SERVICE_CIDR, SERVICE_CIDR6, type Layout, type NodeLayout } from './layout.ts';
import { PAUSE_IMAGE } from './images.ts';

export interface Component {
  /** also the name of its log file */
  name: string;
  command: string[];
}

export const BIN = '/run/kubernetes/bin';
export const PKI = '/run/kubernetes/pki';
export const NODE = '/run/node';
/** The CNI plugins, and one of our own. */
const CNI = '/run/cni';

/** Subject and names of each certificate; see pki.ts. */
export interface CertificateRequest {
  /** base name of its files */
  file: string;
  commonName: string;
  organization?: string;
  /** which authority signs it */
  signer: 'ca' | 'front-proxy-ca';
  dns?: string[];
  ips?: string[];
}

export function certificates(cluster: Layout): CertificateRequest[] {
  const first = cluster.nodes[0]!;
  const services = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', `kubernetes.default.svc.${CLUSTER_DOMAIN}`];
  return [
    { file: 'apiserver', commonName: 'kube-apiserver', signer: 'ca', dns: [...services, 'localhost'], ips: [first.ip, API_SERVICE_IP, '127.0.0.1'] },
    { file: 'admin', commonName: 'admin', organization: 'system:masters', signer: 'ca' },
    { file: 'controller-manager', commonName: 'system:kube-controller-manager', signer: 'ca' },
    { file: 'scheduler', commonName: 'system:kube-scheduler', signer: 'ca' },
    { file: 'proxy', commonName: 'system:kube-proxy', organization: 'system:node-proxier', signer: 'ca' },
    { file: 'kubelet-client', commonName: 'kube-apiserver-kubelet-client', organization: 'system:masters', signer: 'ca' },
    { file: 'front-proxy', commonName: 'front-proxy-client', signer: 'front-proxy-ca' },
    ...cluster.nodes.map((node): CertificateRequest => ({
      file: `kubelet-${node.number}`,
      commonName: `system:node:${node.name}`,
      organization: 'system:nodes',
      signer: 'ca',
      dns: [node.name],
      ips: [node.ip],
    })),
  ];
}

/** What can start before the API server answers. */
export function earlyComponents(cluster: Layout, node: NodeLayout): Component[] {
  const containerd: Component = { name: 'containerd', command: ['containerd', '--config', `${NODE}/containerd.toml`] };
  return node.number === 1 ? [etcd, apiServer(cluster, node), containerd] : [containerd];
}

/** What is started once the API server answers; started sooner they would work too, after a few restarts. */
export function lateComponents(cluster: Layout, node: NodeLayout): Component[] {
  const onEveryNode: Component[] = [
    { name: 'kubelet', command: [`${BIN}/kubelet`, `--config=${NODE}/kubelet.yaml`, `--kubeconfig=${PKI}/kubelet-${node.number}.kubeconfig`, `--hostname-override=${node.name}`, `--node-ip=${node.ip},${node.ip6}`] },
    kubeProxy(cluster, node),
  ];
  return node.number === 1 ? [...onEveryNode, controllerManager, scheduler] : onEveryNode;
}

const etcd: Component = {
  name: 'etcd',
  command: [
    'etcd',
    '--data-dir=/var/lib/etcd',
    // A cluster for tests is started anew after a crash, never recovered from its database.
    '--unsafe-no-fsync',
    '--listen-client-urls=http://127.0.0.1:2379',
    '--advertise-client-urls=http://127.0.0.1:2379',
    '--listen-peer-urls=http://127.0.0.1:2380',
    '--initial-advertise-peer-urls=http://127.0.0.1:2380',
    '--initial-cluster=default=http://127.0.0.1:2380',
    '--log-level=warn',
  ],
};

function apiServer(_cluster: Layout, node: NodeLayout): Component {
  return {
    name: 'kube-apiserver',
    command: [
      `${BIN}/kube-apiserver`,
      '--etcd-servers=http://127.0.0.1:2379',
      `--advertise-address=${node.ip}`,
      `--secure-port=${SECURE_PORT}`,
      `--service-cluster-ip-range=${SERVICE_CIDR},${SERVICE_CIDR6}`,
      `--client-ca-file=${PKI}/ca.crt`,
      `--tls-cert-file=${PKI}/apiserver.crt`,
      `--tls-private-key-file=${PKI}/apiserver.key`,
      `--service-account-issuer=https://kubernetes.default.svc.${CLUSTER_DOMAIN}`,
      `--service-account-key-file=${PKI}/sa.pub`,
      `--service-account-signing-key-file=${PKI}/sa.key`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--allow-privileged=true',
      `--kubelet-certificate-authority=${PKI}/ca.crt`,
      `--kubelet-client-certificate=${PKI}/kubelet-client.crt`,
      `--kubelet-client-key=${PKI}/kubelet-client.key`,
      // Node names are in no DNS, so exec, logs and port-forward go to the address.
      '--kubelet-preferred-address-types=InternalIP',
      `--requestheader-client-ca-file=${PKI}/front-proxy-ca.crt`,
      '--requestheader-allowed-names=front-proxy-client',
      '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      '--requestheader-group-headers=X-Remote-Group',
      '--requestheader-username-headers=X-Remote-User',
      `--proxy-client-cert-file=${PKI}/front-proxy.crt`,
      `--proxy-client-key-file=${PKI}/front-proxy.key`,
      '--enable-aggregator-routing=true',
      '--profiling=false',
    ],
  };
}

const controllerManager: Component = {
  name: 'kube-controller-manager',
  command: [
    `${BIN}/kube-controller-manager`,
    ...threeConfigs('controller-manager'),
    `--service-account-private-key-file=${PKI}/sa.key`,
    `--root-ca-file=${PKI}/ca.crt`,
    `--cluster-signing-cert-file=${PKI}/ca.crt`,
    `--cluster-signing-key-file=${PKI}/ca.key`,
    '--use-service-account-credentials=true',
    '--leader-elect=false',
    // A test may take the API server away for minutes: this would take the nodes for lost when it is back, and every pod out of its Services.
    '--node-monitor-grace-period=10m',
    // Node objects are created with their pod subnet, which the CNI configuration holds too.
    '--allocate-node-cidrs=false',
    '--profiling=false',
  ],
};

const scheduler: Component = {
  name: 'kube-scheduler',
  command: [`${BIN}/kube-scheduler`, ...threeConfigs('scheduler'), '--leader-elect=false', '--profiling=false'],
};

function threeConfigs(user: string): string[] {
  const path = `${PKI}/${user}.kubeconfig`;
  return [`--kubeconfig=${path}`, `--authentication-kubeconfig=${path}`, `--authorization-kubeconfig=${path}`];
}

function kubeProxy(cluster: Layout, node: NodeLayout): Component {
  return {
    name: 'kube-proxy',
    command: [
      `${BIN}/kube-proxy`,
      `--kubeconfig=${PKI}/proxy.kubeconfig`,
      `--cluster-cidr=${cluster.podCIDR},${cluster.podCIDR6}`,
      `--hostname-override=${node.name}`,
      '--proxy-mode=nftables',
      // The conntrack limits belong to the whole machine; writing them from a namespace is refused and ends kube-proxy.
      '--conntrack-max-per-core=0',
      '--conntrack-min=0',
      '--conntrack-tcp-timeout-established=0',
      '--conntrack-tcp-timeout-close-wait=0',
    ],
  };
}

/** Configuration files of a node, by file name below its state folder. */
export function nodeFiles(cluster: Layout, node: NodeLayout): Record<string, string> {
  return {
    'containerd.toml': CONTAINERD_CONFIG,
    'resolv.conf': 'nameserver 127.0.0.1\n',
    'kubelet.yaml': stringify(kubeletConfig(node)),
    'net.d/10-pods.conflist': `${JSON.stringify(cniConfig(node), undefined, 2)}\n`,
    'node.json': `${JSON.stringify(nodeObject(node), undefined, 2)}\n`,
    'masquerade.nft': masquerade(cluster),
    'cni.sh': CNI_SETUP,
  };
}

const CONTAINERD_CONFIG = `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"

[grpc]
  address = "/run/containerd/containerd.sock"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  # Lowering oom_score_adj needs CAP_SYS_RESOURCE; without this line every sandbox ends with an EOF from its pipe.
  restrict_oom_score_adj = true

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${CNI}"
    conf_dir = "${NODE}/net.d"
`;

function kubeletConfig(node: NodeLayout): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: `${PKI}/ca.crt` } },
    authorization: { mode: 'Webhook' },
    tlsCertFile: `${PKI}/kubelet-${node.number}.crt`,
    tlsPrivateKeyFile: `${PKI}/kubelet-${node.number}.key`,
    clusterDomain: CLUSTER_DOMAIN,
    clusterDNS: [DNS_SERVICE_IP],
    resolvConf: `${NODE}/resolv.conf`,
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    cgroupDriver: 'cgroupfs',
    cgroupRoot: node.cgroup,
    failCgroupV1: false,
    failSwapOn: false,
    // The disk is the whole machine's: a node must not evict pods or delete images because other things fill it.
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'nodefs.inodesFree': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
    // Mounted ConfigMaps follow in seconds and not in the minute of the default: rotations of the trust anchor are waited for by tests.
    syncFrequency: '10s',
  };
}

/**
 * ptp, in a namespace where addresses may be used at once: they are unique by the plugin's own book, and to ask the link whether another has
 * them holds up every pod for two seconds.
 */
const CNI_SETUP = `mkdir ${CNI}
ln -s /usr/lib/cni/* ${CNI}
cat > ${CNI}/routed <<'END'
#!/bin/sh
if [ "$CNI_COMMAND" = ADD ]; then nsenter --net="$CNI_NETNS" sh -c 'echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad'; fi
exec /usr/lib/cni/ptp
END
chmod 755 ${CNI}/routed
`;

/** Routed links rather than a bridge: replies between pods of one node then pass the node's NAT without br_netfilter. */
function cniConfig(node: NodeLayout): object {
  return {
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      { type: 'routed', ipMasq: false, ipam: { type: 'host-local', ranges: [[{ subnet: node.podCIDR }], [{ subnet: node.podCIDR6 }]], routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }] } },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}

function nodeObject(node: NodeLayout): object {
  const role = node.number === 1 ? { 'node-role.kubernetes.io/control-plane': '' } : {};
  const labels = { 'topology.kubernetes.io/region': 'local', 'topology.kubernetes.io/zone': `local-${node.number}`, ...role };
  return { apiVersion: 'v1', kind: 'Node', metadata: { name: node.name, labels }, spec: { podCIDR: node.podCIDR, podCIDRs: [node.podCIDR, node.podCIDR6] } };
}

/** Pods reach this machine with the node's address; among themselves they keep their own. */
function masquerade(cluster: Layout): string {
  const inside = [cluster.podCIDR, SERVICE_CIDR, ...cluster.nodes.map((node) => node.ip)];
  return `table ip kubectl-mesh {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${cluster.podCIDR} ip daddr != { ${inside.join(', ')} } oifname "eth0" masquerade
  }
}
`;
}
