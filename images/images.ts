import { imageRef, VERSION, type IMAGES } from '../api/version.ts';
import { PROXY_UID } from '../api/names.ts';

export type ImageName = keyof typeof IMAGES;

/** What is in an image and how it starts. Beside this, each holds Node at /usr/bin/node and the bundles below in /app. */
export interface ImageSpec {
  name: string;
  /** name with tag */
  ref: string;
  title: string;
  /** names of Debian packages besides BASE_PACKAGES, dependencies included: nothing else is installed */
  packages: string[];
  /** names of bundles in scripts/bundle.ts, and the folders that they are made of besides api and lib */
  targets: string[];
  sources: string[];
  /** koffi and its native library in /app/node_modules */
  koffi: boolean;
  /** path -> Linux capabilities that whoever may have them gets by running it */
  capabilities: Record<string, Capability[]>;
  /** executable scripts: path -> text */
  scripts?: Record<string, string>;
  uid: number;
  env: string[];
  entrypoint: string[];
}

/** Numbers in include/uapi/linux/capability.h. */
export const CAPABILITIES = { net_admin: 12, net_raw: 13 } as const;
export type Capability = keyof typeof CAPABILITIES;

/** What the node binary is linked with. */
export const BASE_PACKAGES = ['libc6', 'gcc-12-base', 'libgcc-s1', 'libstdc++6'];

const IPTABLES_PACKAGES = [
  'iptables', 'libip4tc2', 'libip6tc2', 'libxtables12', 'libmnl0', 'libnetfilter-conntrack3', 'libnfnetlink0', 'libnftnl11', 'netbase',
];

const NON_ROOT = 65532;
const NODE = '/usr/bin/node';

/** Freed memory goes back at once, from one arena. */
const MALLOC = ['MALLOC_ARENA_MAX=1', 'MALLOC_TRIM_THRESHOLD_=65536'];

export const SPECS: Record<ImageName, ImageSpec> = {
  control: {
    name: 'control',
    ref: imageRef('control'),
    title: 'kubectl mesh: the control plane',
    packages: [],
    targets: ['control'],
    sources: ['control', 'webhook'],
    koffi: false,
    capabilities: {},
    uid: NON_ROOT,
    env: MALLOC,
    entrypoint: [NODE, '--max-semi-space-size=1', '/app/control.mjs'],
  },
  proxy: {
    name: 'proxy',
    ref: imageRef('proxy'),
    title: 'kubectl mesh: the sidecar, and the container that redirects a pod to it',
    packages: IPTABLES_PACKAGES,
    targets: ['proxy', 'redirect'],
    sources: ['proxy'],
    koffi: true,
    // The init container need not run as root: it gets NET_ADMIN and NET_RAW in its bounding set, and these files put them to use.
    capabilities: {
      'usr/sbin/xtables-nft-multi': ['net_admin', 'net_raw'],
      'usr/sbin/xtables-legacy-multi': ['net_admin', 'net_raw'],
    },
    uid: PROXY_UID,
    // XTABLES_LOCKFILE: the lock of iptables-legacy; its own place, /run, is read-only.
    env: ['XTABLES_LOCKFILE=/dev/shm/xtables.lock', ...MALLOC],
    // A young generation of 1 MB, since garbage is short-lived and small. Compilation threads would hold 40 MB, which are used for seconds, so the thread that serves
    // compiles; a limit on inlining halves how long requests wait for that. V8 must not take a minute with many requests in flight for a reason to make all later ones
    // old from the start (pretenuring). A scavenge is half a millisecond's work; with helper threads the proxy stands still until the last of them has had its turn on a
    // busy CPU. docs/performance.md has the figures.
    entrypoint: [
      NODE, '--max-semi-space-size=1', '--max-old-space-size=256', '--no-concurrent-recompilation', '--max-inlined-bytecode-size-cumulative=250',
      '--no-allocation-site-pretenuring', '--no-parallel-scavenge', '/app/proxy.mjs',
    ],
  },
  sample: {
    name: 'sample',
    ref: imageRef('sample'),
    title: 'kubectl mesh: the sample application',
    packages: [],
    targets: ['sample'],
    sources: ['test/sample'],
    koffi: false,
    capabilities: {},
    uid: NON_ROOT,
    env: [],
    entrypoint: [NODE, '/app/sample.mjs'],
  },
};

/** Environment and labels of an image. */
export function environment(spec: ImageSpec): string[] {
  return ['PATH=/usr/sbin:/usr/bin', 'NODE_ENV=production', ...spec.env];
}

export function labels(spec: ImageSpec): Record<string, string> {
  return {
    'org.opencontainers.image.title': spec.title,
    'org.opencontainers.image.version': VERSION,
    'org.opencontainers.image.licenses': 'Apache-2.0',
  };
}
