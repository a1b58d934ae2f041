/** The writes behind the steps. Each is decided on objects that were read before and fails with a conflict when somebody changed them since. */
import type { MeshConfig } from '../../../api/config.ts';
import { ANCHORS_KEY } from '../../../api/names.ts';
import type { KubeClient } from '../../../lib/kube/client.ts';
import { RESOURCES } from '../../../lib/kube/resources.ts';
import type { Secret } from '../../../lib/kube/types.ts';
import { toPem } from '../../../lib/pki/pem.ts';
import type { Step } from './decide.ts';
import { fingerprintOf, HANDLED_ANNOTATION, STATE_ANNOTATION, type Facts, type Objects, type RotationState } from './facts.ts';
import { makeIssuer, makeRoot } from './material.ts';

export type Write = Exclude<Step, { do: 'wait' } | { do: 'ask' }>;

/** Every value as text; keys without one are taken out. */
type Texts = Record<string, string>;

function changed(secret: Secret, change: Partial<Texts>, annotations: Record<string, string | null>): Secret {
  const data = { ...secret.data };
  for (const [key, value] of Object.entries(change)) {
    if (value === undefined || value === '') delete data[key];
    else data[key] = Buffer.from(value).toString('base64');
  }
  const notes = { ...secret.metadata.annotations };
  for (const [key, value] of Object.entries(annotations)) {
    if (value === null) delete notes[key];
    else notes[key] = value;
  }
  return { ...secret, data, metadata: { ...secret.metadata, annotations: notes } };
}

const stateOf = (state: RotationState): Record<string, string> => ({ [STATE_ANNOTATION]: JSON.stringify(state) });

/** Throws KubeError. */
export async function carryOut(step: Write, facts: Facts, objects: Objects, kube: KubeClient, config: MeshConfig, now: number): Promise<void> {
  const { active, next, state } = facts;
  const writeRoot = (change: Partial<Texts>, annotations: Record<string, string | null>): Promise<unknown> =>
    kube.replace(RESOURCES.secrets, changed(objects.root, change, annotations));
  const writeBundle = (pems: readonly string[]): Promise<unknown> =>
    kube.replace(RESOURCES.configmaps, { ...objects.anchors, data: { ...objects.anchors.data, [ANCHORS_KEY]: pems.join('') } });
  const retire = state?.retire ?? (active ? [active.fingerprint] : []);
  const reason = state?.reason ?? 'resumed';

  switch (step.do) {
    case 'make-root': {
      const { pair, cross } = await makeRoot(config, active, now);
      // A root answers every request for one so far.
      const handled: Record<string, string> = facts.requested.anchor === undefined ? {} : { [HANDLED_ANNOTATION]: facts.requested.anchor };
      if (step.as === 'active') await writeRoot({ 'tls.crt': pair.certificate, 'tls.key': pair.key, 'cross.crt': '' }, { ...handled, [STATE_ANNOTATION]: null });
      else {
        await writeRoot({ 'next.crt': pair.certificate, 'next.key': pair.key, 'next-cross.crt': cross },
          { ...handled, ...stateOf({ phase: 'Preparing', since: now, retire: step.retire, reason: step.reason }) });
      }
      return;
    }
    case 'publish':
      await writeBundle([...facts.bundle.map((c) => toPem(c.raw)), ...step.missing.map((root) => toPem(root.certificate.raw))]);
      return;
    case 'distribute':
      await writeRoot({}, stateOf({ phase: 'Distributing', since: now, retire, reason }));
      return;
    case 'sign-issuer': {
      const pair = await makeIssuer(config, (step.by === 'next' ? next : active)!, now);
      const handled: Record<string, string> = facts.requested.issuer === undefined ? {} : { [HANDLED_ANNOTATION]: facts.requested.issuer };
      await kube.replace(RESOURCES.secrets, changed(objects.issuer, { 'tls.crt': pair.certificate, 'tls.key': pair.key }, handled));
      return;
    }
    case 'promote':
      await writeRoot(
        { 'tls.crt': next!.pair.certificate, 'tls.key': next!.pair.key, 'cross.crt': next!.cross, 'next.crt': '', 'next.key': '', 'next-cross.crt': '' },
        stateOf({ phase: 'Retiring', since: now, retire, reason }),
      );
      return;
    case 'retire': {
      const gone = step.anchors.map(fingerprintOf);
      await writeBundle(facts.bundle.filter((c) => !gone.includes(fingerprintOf(c))).map((c) => toPem(c.raw)));
      return;
    }
    case 'finish':
      await writeRoot({}, { [STATE_ANNOTATION]: null });
  }
}
