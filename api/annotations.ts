import { GROUP } from './names.ts';

/**
 * Annotation keys and their Linkerd aliases: own name first, alias understood wherever the own one is absent.
 * `config.<key>` keys are `kubectl-mesh.io/<key>` with alias `config.linkerd.io/<key>`.
 */
export const INJECT = `${GROUP}/inject`;
export const INJECT_ALIAS = 'linkerd.io/inject';
/** Written on injected pods. */
export const CREATED_BY = `${GROUP}/created-by`;
export const PROXY_VERSION = `${GROUP}/proxy-version`;

export const CONFIG_KEYS = [
  'proxy-image', 'proxy-version', 'image-pull-policy', 'control-port', 'admin-port', 'inbound-port', 'outbound-port',
  'skip-inbound-ports', 'skip-outbound-ports', 'skip-subnets', 'opaque-ports', 'proxy-cpu-request', 'proxy-cpu-limit',
  'proxy-memory-request', 'proxy-memory-limit', 'proxy-uid', 'proxy-log-level', 'shutdown-grace-period', 'default-inbound-policy',
  'proxy-outbound-connect-timeout', 'proxy-inbound-connect-timeout', 'access-log',
] as const;
export type ConfigKey = (typeof CONFIG_KEYS)[number];

type Annotated = { annotations?: Record<string, string> | undefined } | undefined;

/** Value of a config annotation on an object's metadata, or undefined. */
export function configAnnotation(metadata: Annotated, key: ConfigKey): string | undefined {
  const a = metadata?.annotations;
  return a?.[`${GROUP}/${key}`] ?? a?.[`config.linkerd.io/${key}`];
}

/** Value of the inject annotation (or namespace label) on an object's metadata, and the key that gave it. */
export function injectAnnotation(metadata: { annotations?: Record<string, string> | undefined; labels?: Record<string, string> | undefined } | undefined): { key: string; value: string } | undefined {
  for (const key of [INJECT, INJECT_ALIAS]) {
    const value = metadata?.annotations?.[key] ?? metadata?.labels?.[key];
    if (value !== undefined) return { key, value };
  }
  return undefined;
}
