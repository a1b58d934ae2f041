import { injectAnnotation, INJECT, INJECT_ALIAS } from '../../../api/annotations.ts';
import { CONTAINERS } from '../../../api/names.ts';
import { INJECT_CARRIED } from '../../../api/webhooks.ts';
import type { Edit } from './edit.ts';
import { at, isPlain, templatePath, type Located, type Path } from './objects.ts';

/** What becomes of one object, and what is said about it. */
export interface Decision {
  edits: Edit[];
  /** 'passed': a kind that has no pods */
  outcome: 'injected' | 'uninjected' | 'skipped' | 'passed';
  /** why it is skipped */
  reason?: string;
  /** what the mesh will not do for it */
  warnings: string[];
}

const PASSED: Decision = { edits: [], outcome: 'passed', warnings: [] };

/** Containers of meshes, by name: two proxies in a pod take each other's connections. */
const PROXIES = [CONTAINERS.proxy, CONTAINERS.init, 'linkerd-proxy', 'linkerd-init', 'istio-proxy', 'istio-init'];

/** Where the inject annotation of an object belongs: on the pod template, or on the object itself for pods and namespaces. */
function target(object: Located): Path | undefined {
  if (object.kind === 'Namespace') return object.path;
  const template = templatePath(object.kind);
  return template && [...object.path, ...template];
}

export function decideInject(document: unknown, object: Located): Decision {
  const path = target(object);
  if (!path) return PASSED;
  if (!isPlain(at(document, path))) return skipped('it has no pod template');
  const metadata = metadataAt(document, path);
  const said = injectAnnotation(metadata) ?? injectAnnotation(metadataAt(document, object.path));
  if (said?.value === 'disabled') return skipped(`${said.key} is disabled on it`);
  if (said && injectAnnotation(metadata)) return skipped(`${said.key} is ${said.value} already`);
  const spec = object.kind === 'Namespace' ? undefined : at(document, [...path, 'spec']);
  if (at(spec, ['hostNetwork']) === true) return skipped('its pods use the network of the node (hostNetwork: true)');
  const proxy = containers(spec).map((c) => at(c, ['name'])).find((name) => typeof name === 'string' && PROXIES.includes(name)) as string | undefined;
  if (proxy !== undefined) return skipped(`its pods have a proxy already (container ${proxy})`);
  const warnings = containers(spec).some(usesUdp) ? ['uses UDP ports, whose traffic the mesh leaves alone'] : [];
  return { edits: [{ path: [...path, 'metadata', 'annotations', INJECT], value: 'enabled' }], outcome: 'injected', warnings };
}

/** What uninject leaves: nothing there, or a person's word against injection. */
const KEPT: unknown[] = [undefined, 'disabled'];

export function decideUninject(document: unknown, object: Located): Decision {
  const path = target(object);
  if (!path) return PASSED;
  const places = path.length === object.path.length ? [path] : [path, object.path];
  const edits = places.flatMap((place) =>
    [INJECT, INJECT_ALIAS, INJECT_CARRIED].flatMap((key) =>
      ['annotations', 'labels'].map((map) => [...place, 'metadata', map, key]).filter((where) => !KEPT.includes(at(document, where)))));
  if (edits.length === 0) return skipped('it is not injected');
  return { edits: edits.map((where) => ({ path: where, value: undefined })), outcome: 'uninjected', warnings: [] };
}

function skipped(reason: string): Decision {
  return { edits: [], outcome: 'skipped', reason, warnings: [] };
}

function metadataAt(document: unknown, path: Path): { annotations?: Record<string, string>; labels?: Record<string, string> } | undefined {
  const metadata = at(document, [...path, 'metadata']);
  return isPlain(metadata) ? metadata : undefined;
}

function containers(spec: unknown): unknown[] {
  return [at(spec, ['initContainers']), at(spec, ['containers'])].flatMap((list) => (Array.isArray(list) ? (list as unknown[]) : []));
}

function usesUdp(container: unknown): boolean {
  const ports = at(container, ['ports']);
  return Array.isArray(ports) && ports.some((port) => at(port, ['protocol']) === 'UDP');
}
