import type { V1ConfigMap, V1Secret } from '@kubernetes/client-node';
import { stringify } from 'yaml';
import type { MeshConfig } from '../../../api/config.ts';
import { ANCHORS_CONFIG_MAP, ANCHORS_KEY, CONFIG_KEY, CONFIG_MAP, ISSUER_SECRET } from '../../../api/names.ts';
import { labelsOf, type Manifest } from './object.ts';

/** What mesh-identity signs with, and what every proxy trusts. PEM texts; `anchors` may hold several certificates. */
export interface IssuerMaterial {
  /** issuer certificate, then any intermediates */
  certificate: string;
  /** PKCS#8 private key */
  key: string;
  anchors: string;
}

/** The mesh-wide configuration as the text that control pods read. */
export function configText(config: MeshConfig): string {
  return stringify(config, { lineWidth: 0 });
}

export function configMap(config: MeshConfig): V1ConfigMap & Manifest {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: CONFIG_MAP, namespace: config.controlNamespace, labels: labelsOf('install') },
    data: { [CONFIG_KEY]: configText(config) },
  };
}

export function anchorsConfigMap(namespace: string, issuer: IssuerMaterial): V1ConfigMap & Manifest {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: ANCHORS_CONFIG_MAP, namespace, labels: labelsOf('identity') },
    data: { [ANCHORS_KEY]: issuer.anchors },
  };
}

export function issuerSecret(namespace: string, issuer: IssuerMaterial): V1Secret & Manifest {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: ISSUER_SECRET, namespace, labels: labelsOf('identity') },
    type: 'kubernetes.io/tls',
    data: { 'tls.crt': base64(issuer.certificate), 'tls.key': base64(issuer.key) },
  };
}
