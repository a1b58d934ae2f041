import { stringify } from 'yaml';
import { ANCHORS_CONFIG_MAP, DEFAULT_CONTROL_NAMESPACE, LABELS, PART_OF } from '../../api/names.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { isNotFound } from '../../lib/kube/error.ts';
import type { Resource } from '../../lib/kube/resources.ts';
import type { KubeObject, Pod } from '../../lib/kube/types.ts';
import type { Deps } from '../shared/command.ts';
import { withCluster } from '../shared/connect.ts';
import { CliError } from '../shared/errors.ts';
import { EXIT, type ExitCode } from '../shared/exit.ts';
import type { Io } from '../shared/io.ts';
import { KINDS } from '../shared/kinds.ts';
import { inParallel } from '../shared/poll.ts';
import { progress as progressOn, seconds } from '../shared/progress.ts';
import { anchorCopies, remove } from '../shared/removal.ts';
import { injectedPods, ownerOf } from '../shared/workloads.ts';
import type { UninstallOptions } from './options.ts';

type Found = KubeObject & { kind: string };

const LABELLED: Resource[] = [
  KINDS.mutatingwebhookconfigurations, KINDS.validatingwebhookconfigurations, KINDS.apiservices, KINDS.deployments, KINDS.poddisruptionbudgets, KINDS.services, KINDS.configmaps, KINDS.secrets, KINDS.rolebindings, KINDS.roles,
  KINDS.serviceaccounts, KINDS.clusterrolebindings, KINDS.clusterroles, KINDS.customresourcedefinitions, KINDS.namespaces,
];

export async function run(io: Io, deps: Deps, options: UninstallOptions): Promise<ExitCode> {
  return withCluster(deps.connect, options.target, async (kube) => {
    const start = io.now();
    const found = await everything(kube, io.signal);
    if (options.output) {
      io.stdout.write(render(found, options.output));
      return EXIT.ok;
    }
    if (found.length === 0) {
      io.stderr.write('The mesh is not installed in this cluster; there is nothing to remove.\n');
      return EXIT.ok;
    }
    const pods = await injectedPods(kube, { signal: io.signal });
    if (pods.length > 0 && !options.force) throw new CliError(stillMeshed(pods));
    await remove(io, kube, progressOn(io), found, { timeoutMs: options.timeoutMs, clearingUp: false });
    io.stderr.write(`The mesh is removed (${seconds(io.now() - start)}).\n`);
    return EXIT.ok;
  });
}

/** Everything that carries our label, and the copies of the trust anchors. What a namespace takes with it is listed too. */
async function everything(kube: KubeClient, signal: AbortSignal): Promise<Found[]> {
  const labelSelector = `${LABELS.partOf}=${PART_OF}`;
  const lists = await inParallel(LABELLED, 4, async (resource) => {
    const items = await kube.list(resource, { labelSelector, signal }).catch((error: unknown) => {
      if (isNotFound(error)) return [];
      throw error;
    });
    return items.map((item): Found => ({ ...item, apiVersion: resource.group ? `${resource.group}/${resource.version}` : resource.version, kind: resource.kind }));
  });
  const found = lists.flat().filter((o) => !(o.kind === 'ConfigMap' && o.metadata.name === ANCHORS_CONFIG_MAP && o.metadata.namespace !== DEFAULT_CONTROL_NAMESPACE));
  return [...found, ...(await anchorCopies(kube, DEFAULT_CONTROL_NAMESPACE, signal))];
}

const SHOWN = 5;

function stillMeshed(pods: readonly Pod[]): string {
  const owners = new Map(pods.map((pod) => {
    const { kind, name } = ownerOf(pod);
    return [`${pod.metadata.namespace}/${kind}/${name}`, { namespace: pod.metadata.namespace ?? '', kind, name }] as const;
  }));
  const all = [...owners.values()];
  const shown = all.slice(0, SHOWN).map((o) => `${o.kind}/${o.name} in ${o.namespace}`).join(', ') + (all.length > SHOWN ? ` and ${all.length - SHOWN} more` : '');
  const first = all[0]!;
  const many = pods.length === 1 ? 'pod of the mesh still runs' : 'pods of the mesh still run';
  return `${pods.length} ${many}: ${shown}. Without the control plane they work only until their certificates expire. Take them out of the mesh first, for example with: `
    + `kubectl get ${first.kind} -n ${first.namespace} -o yaml | kubectl mesh uninject - | kubectl replace -f - `
    + '(a namespace that is meshed as a whole: kubectl annotate namespace NAME kubectl-mesh.io/inject-, then kubectl rollout restart). Or remove the mesh all the same with --force.';
}

/** Only what names the objects: kubectl delete reads no more. */
function render(found: readonly Found[], format: 'yaml' | 'json'): string {
  const bare = found.map(({ apiVersion, kind, metadata: { name, namespace } }) => ({ apiVersion, kind, metadata: { name, ...(namespace && { namespace }) } }));
  if (format === 'json') return `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: bare }, null, 2)}\n`;
  return bare.map((o) => `---\n${stringify(o)}`).join('');
}
