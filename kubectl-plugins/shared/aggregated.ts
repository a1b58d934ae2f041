import type { KubeClient } from '../../lib/kube/client.ts';
import { KubeError } from '../../lib/kube/error.ts';
import { CliError } from './errors.ts';
import { EXIT } from './exit.ts';

/** Runs a call to one of the mesh's aggregated APIs; when the API is not there or does not answer, says what to do about the mesh. */
export async function fromMesh<R>(call: () => Promise<R>): Promise<R> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    if (error.status === 404 && /could not find the requested resource|page not found/.test(error.message)) {
      throw new CliError('The mesh is not installed in this cluster, or its API is not registered. Install it with "kubectl mesh install"; see what is wrong with "kubectl mesh check".',
        EXIT.failed, { cause: error });
    }
    if (error.status === 503) {
      throw new CliError(`The control plane does not answer: ${error.message.replace(/[.\s]*$/, '')}. See what is wrong with "kubectl mesh check".`, EXIT.failed, { cause: error });
    }
    throw error;
  }
}

/** GET of a list in namespace `namespace`, or in all. */
export async function getList<T>(kube: KubeClient, group: string, version: string, plural: string, options: {
  namespace: string | undefined;
  query: Record<string, string | undefined>;
  signal: AbortSignal;
}): Promise<T[]> {
  const within = options.namespace === undefined ? '' : `/namespaces/${encodeURIComponent(options.namespace)}`;
  const path = `/apis/${group}/${version}${within}/${plural}`;
  const list = await fromMesh(() => kube.json<{ items: T[] }>({ path, query: options.query, signal: options.signal, what: `get ${plural}` }));
  return list.items;
}
