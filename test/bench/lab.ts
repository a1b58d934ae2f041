/** What every measurement needs: two pods, a server, the bundled proxy, and the control plane's stand-in. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { BenchError, killAll, must, sleep } from './children.ts';
import type { StandIn } from './control-stand-in.ts';
import { benchServices, MeshBinaries, startControl } from './mesh.ts';
import { makePods, type Pods } from './netns.ts';
import type { Stage } from './subjects.ts';
import { startUpstreams } from './upstream.ts';

export interface LabOptions {
  proxyCore: number;
  loadCore: number;
  /** K=V, added to the proxy's environment */
  proxyEnv: string[];
  /** profiles are taken: the bundle is to be readable */
  profiles?: boolean;
}

export function checkMachine(o: LabOptions): void {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) throw new BenchError('The bench makes network namespaces and iptables rules: run it as root on Linux.');
  const cores = os.cpus().length;
  if (Math.max(o.proxyCore, o.loadCore) >= cores) throw new BenchError(`This machine has ${cores} CPU(s): the bench needs CPUs ${o.proxyCore} and ${o.loadCore}. See --proxy-core and --load-core.`);
}

/** Two pods, a folder that every user may read, and the bundled proxy; all of it goes when `use` is done or the bench is ended by a signal. */
export async function withPods<T>(o: LabOptions, log: (line: string) => void, use: (pods: Pods, dir: string, binaries: MeshBinaries) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'mesh-bench-'));
  chmodSync(dir, 0o755);
  let pods: Pods | null = null;
  const clean = (): void => {
    killAll();
    pods?.remove();
    rmSync(dir, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      clean();
      process.exit(130);
    });
  }
  try {
    // What this process does is load as well.
    await must(['taskset', '-apc', String(o.loadCore), String(process.pid)]);
    pods = await makePods();
    log('bundling the proxy');
    const binaries = new MeshBinaries(dir, o.proxyEnv);
    await binaries.build(o.profiles === true);
    return await use(pods, dir, binaries);
  } finally {
    clean();
  }
}

/** The upstreams and the control plane of the speed measurements. */
export async function setStage(o: LabOptions, policy: StandIn['policy'], pods: Pods, dir: string, binaries: MeshBinaries): Promise<Omit<Stage, 'watch'>> {
  const upstreams = startUpstreams(pods.server, dir, o.loadCore);
  const control = await startControl(pods, dir, o.loadCore, policy, benchServices(pods));
  await sleep(500);
  for (const u of upstreams) u.check();
  return { pods, binaries, dir, core: o.proxyCore, anchors: control.anchors };
}
