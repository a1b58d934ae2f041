/** A Canary for a Deployment: what was not said is found in the cluster. */
import { CANARY, type Canary } from '../../api/crds/canary.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import type { Service, Workload } from '../../lib/kube/types.ts';
import { CliError } from '../shared/errors.ts';
import { KINDS } from '../shared/kinds.ts';
import { portOf } from '../shared/services.ts';
import type { Wanted } from './options.ts';

export async function build(kube: KubeClient, namespace: string, deployment: string, wanted: Wanted): Promise<Canary> {
  const target = await kube.get(KINDS.deployments, deployment, namespace);
  const service = wanted.service === undefined ? await serviceOf(kube, namespace, target) : await kube.get(KINDS.services, wanted.service, namespace);
  return {
    apiVersion: `${CANARY.group}/${CANARY.version}`,
    kind: CANARY.kind,
    metadata: { name: deployment, namespace },
    spec: { target: { name: deployment }, service: { name: service.metadata.name, port: portOf(service, wanted.port) }, images: images(target, wanted), ...wanted.rules },
  };
}

function images(target: Workload, wanted: Wanted): Canary['spec']['images'] {
  const { containers } = target.spec.template.spec;
  const names = containers.map((c) => c.name);
  const found = wanted.images.map(({ container, image }) => {
    if (container === '' && names.length > 1) throw new CliError(`deploy/${target.metadata.name} has several containers (${names.join(', ')}). Say which one gets the image: --image CONTAINER=${image}`);
    const name = container === '' ? names[0]! : container;
    if (!names.includes(name)) throw new CliError(`deploy/${target.metadata.name} has no container ${name}; it has ${names.join(', ')}.`);
    return { container: name, image };
  });
  if (found.every((i) => containers.some((c) => c.name === i.container && c.image === i.image))) throw new CliError(`deploy/${target.metadata.name} runs ${found.map((i) => i.image).join(', ')} already, so there is nothing to try.`);
  return found;
}

/** The one Service that selects its pods. */
async function serviceOf(kube: KubeClient, namespace: string, target: Workload): Promise<Service> {
  const labels = target.spec.template.metadata?.labels ?? {};
  const all = await kube.list(KINDS.services, { namespace });
  const fitting = all.filter((s) => Object.keys(s.spec.selector ?? {}).length > 0 && Object.entries(s.spec.selector!).every(([key, value]) => labels[key] === value));
  const [only, ...more] = fitting;
  if (only === undefined) throw new CliError(`No Service in namespace ${namespace} selects the pods of deploy/${target.metadata.name}, so there is no traffic to shift.`);
  if (more.length > 0) throw new CliError(`Several Services select the pods of deploy/${target.metadata.name}: ${fitting.map((s) => s.metadata.name).join(', ')}. Say which one with --service.`);
  return only;
}
