/** Gateway API as Go modules of one pinned version (module/go.mod): its CRDs, and the sources and tests of its conformance suite. Nothing of it is committed. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { lastLines, type Exec } from '../cluster/exec.ts';
import { MeshError } from '../mesh/errors.ts';
import type { Kube } from '../mesh/kube.ts';

export const GATEWAY_API_VERSION = '1.6.3';
export const GATEWAY_API_MODULE_DIR = join(import.meta.dirname, 'module');
export const MODULES = { api: 'sigs.k8s.io/gateway-api', conformance: 'sigs.k8s.io/gateway-api/conformance' } as const;

/** Folder with the sources of a module, downloaded if need be. Throws MeshError. */
export async function moduleSources(run: Exec, module: keyof typeof MODULES): Promise<string> {
  const { code, stdout, stderr } = await run('go', ['mod', 'download', '-json', `${MODULES[module]}@v${GATEWAY_API_VERSION}`], { cwd: GATEWAY_API_MODULE_DIR });
  if (code !== 0) throw new MeshError(`Could not download ${MODULES[module]} ${GATEWAY_API_VERSION}. Go said: ${lastLines(stderr || stdout)}. Go 1.26 or later is needed, and a module proxy that it can reach (\`go env GOPROXY\`).`);
  return (JSON.parse(stdout) as { Dir: string }).Dir;
}

/** Files of a channel: `crds`, one each, and `all` with the admission policy that guards them. Throws MeshError. */
export async function gatewayApiFiles(run: Exec, channel: 'standard' | 'experimental'): Promise<{ crds: string[]; all: string[] }> {
  const dir = join(await moduleSources(run, 'api'), 'config', 'crd', channel);
  const all = (await readdir(dir)).filter((file) => file.startsWith('gateway.networking.')).sort().map((file) => join(dir, file));
  return { all, crds: all.filter((file) => !file.includes('_vap_')) };
}

const named = (files: string[]): string[] => files.flatMap((file) => ['-f', file]);

/** Applies the CRDs of a channel and waits until they are served. Throws MeshError. */
export async function applyGatewayApi(kube: Kube, run: Exec, channel: 'standard' | 'experimental'): Promise<void> {
  const { all, crds } = await gatewayApiFiles(run, channel);
  await kube.must('apply the CRDs of Gateway API', ['apply', '--server-side', ...named(all)]);
  await kube.must('see the CRDs of Gateway API served', ['wait', '--for=condition=Established', '--timeout=1m', ...named(crds)]);
}
