import type { V1ConfigMap, V1Secret } from '@kubernetes/client-node';
import { stringify } from 'yaml';
import type { MeshConfig } from '../../../api/config.ts';
import { ANCHORS_CONFIG_MAP, ANCHORS_KEY, CONFIG_KEY, CONFIG_MAP, IDENTITY_STATUS_CONFIG_MAP, ISSUER_SECRET, POLICY_SETTINGS_CONFIG_MAP, ROOT_SECRET } from '../../../api/names.ts';
import { labelsOf, type Manifest } from './object.ts';

/** An authority that somebody else keeps; what is not here is in the cluster already, or comes later. PEM texts. */
export interface GivenAuthority {
  /** certificate, then any intermediates; PKCS#8 key */
  issuer: { certificate: string; key: string } | undefined;
  /** one or more certificates */
  anchors: string | undefined;
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

/** Empty, for the policy service to fill: it may change this object and not make others. */
export function policySettings({ controlNamespace }: MeshConfig): V1ConfigMap & Manifest {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: POLICY_SETTINGS_CONFIG_MAP, namespace: controlNamespace, labels: labelsOf('control') } };
}

/**
 * The objects of the mesh's authority. Without a given one they are empty: mesh-identity makes root and issuer when it starts and writes them there, so
 * that no key ever leaves the cluster, and applying the manifests again changes no trust. They are made here because mesh-identity may
 * change these objects and not make others.
 */
export function authorityObjects(config: MeshConfig, given: GivenAuthority | undefined): Manifest[] {
  const namespace = config.controlNamespace;
  const metadata = (name: string): Manifest['metadata'] => ({ name, namespace, labels: labelsOf('identity') });
  const anchors: V1ConfigMap & Manifest = {
    apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata(ANCHORS_CONFIG_MAP), ...(given?.anchors !== undefined && { data: { [ANCHORS_KEY]: given.anchors } }),
  };
  const status: V1ConfigMap & Manifest = { apiVersion: 'v1', kind: 'ConfigMap', metadata: metadata(IDENTITY_STATUS_CONFIG_MAP) };
  const secret = (name: string, type: string, data?: Record<string, string>): V1Secret & Manifest => ({
    apiVersion: 'v1', kind: 'Secret', metadata: metadata(name), type, ...(data && { data }),
  });
  const root = secret(ROOT_SECRET, 'Opaque');
  if (config.identity.authority === 'automatic') return [anchors, status, root, secret(ISSUER_SECRET, 'Opaque')];
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const issuer = given?.issuer && secret(ISSUER_SECRET, 'kubernetes.io/tls', { 'tls.crt': base64(given.issuer.certificate), 'tls.key': base64(given.issuer.key) });
  // cert-manager makes the Secret of the issuer itself, and its bundle may be written by trust-manager.
  return [...(given?.anchors === undefined ? [] : [anchors]), status, root, ...(issuer ? [issuer] : [])];
}
