import { parse } from 'yaml';
import type { MeshConfig } from '../api/config.ts';

/** The mounted configuration cannot be used. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

type Check = [path: string, kind: 'string' | 'number' | 'array'];

const REQUIRED: Check[] = [
  ['version', 'string'], ['controlNamespace', 'string'], ['trustDomain', 'string'], ['clusterDomain', 'string'], ['registry', 'string'],
  ['clusterNetworks', 'array'], ['identity.authority', 'string'], ['identity.issuanceLifetimeSeconds', 'number'], ['identity.issuerLifetimeSeconds', 'number'],
  ['identity.anchorLifetimeSeconds', 'number'], ['identity.rotationPatienceSeconds', 'number'], ['identity.clockSkewSeconds', 'number'],
  ['proxy.logLevel', 'string'], ['proxy.opaquePorts', 'array'], ['proxy.skipInboundPorts', 'array'], ['proxy.skipOutboundPorts', 'array'],
  ['proxy.defaultInboundPolicy', 'string'], ['proxy.shutdownGraceSeconds', 'number'],
];

/** MeshConfig from the YAML of ConfigMap mesh-config; `file` is for the messages of ConfigError. */
export function parseConfig(text: string, file: string): MeshConfig {
  let value: unknown;
  try {
    value = parse(text);
  } catch (e) {
    throw new ConfigError(`${file} is not YAML: ${(e as Error).message}. It comes from ConfigMap mesh-config, which kubectl mesh install writes.`);
  }
  for (const [path, kind] of REQUIRED) {
    const found = path.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown> | null | undefined)?.[key], value);
    const is = Array.isArray(found) ? 'array' : typeof found;
    if (is !== kind) throw new ConfigError(`${file}: ${path} has to be ${kind === 'array' ? 'an' : 'a'} ${kind}, not ${is}. Run kubectl mesh install again to write ConfigMap mesh-config anew.`);
  }
  return value as MeshConfig;
}
