import { INJECT, INJECT_ALIAS } from '../../api/annotations.ts';
import { apply, dropNamespaces, isMeshed, isReady, pods, waitFor } from './steps.ts';
import { IDLE, kube, namespace, nodeContainer, type Thing } from './world.ts';

const ENABLED = { [INJECT]: 'enabled' };
const NAMESPACES = ['inject-plain', 'inject-label', 'inject-note'];

function deployment(ns: string, name: string, { own, template }: { own?: Record<string, string>; template?: Record<string, string> } = {}): Thing {
  return {
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: ns, ...(own && { annotations: own }) },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name }, ...(template && { annotations: template }) }, spec: { containers: [nodeContainer('probe', IDLE)] } },
    },
  };
}

/** Waits until the Deployment's one pod is ready, and in the mesh or not, as wanted. */
async function becomes(ns: string, name: string, meshed: boolean): Promise<void> {
  await waitFor(`${ns}/${name} ${meshed ? 'in' : 'outside of'} the mesh`, async () => {
    const found = await pods(ns, `app=${name}`);
    return found.length === 1 && isReady(found[0]!) && isMeshed(found[0]!) === meshed;
  });
}

const annotate = (...args: string[]): Promise<string> => kube().must('annotate', ['annotate', '-n', 'inject-plain', ...args]);

describe('what meshes a workload', () => {
  after(() => dropNamespaces(...NAMESPACES));

  it('its pod template, its own annotation when it is made, the label or the annotation of its namespace', async () => {
    await apply(
      namespace('inject-plain'), namespace('inject-label', { labels: ENABLED }), namespace('inject-note', { annotations: ENABLED }),
      deployment('inject-plain', 'plain'), deployment('inject-plain', 'later'), deployment('inject-plain', 'later-alias'),
      deployment('inject-plain', 'template', { template: ENABLED }),
      deployment('inject-plain', 'own', { own: ENABLED }),
      deployment('inject-plain', 'alias', { template: { [INJECT_ALIAS]: 'enabled' } }),
      deployment('inject-label', 'silent'), deployment('inject-label', 'not-me', { template: { [INJECT]: 'disabled' } }),
      deployment('inject-note', 'silent'),
    );
    await Promise.all([
      becomes('inject-plain', 'template', true), becomes('inject-plain', 'own', true), becomes('inject-plain', 'alias', true),
      becomes('inject-label', 'silent', true), becomes('inject-note', 'silent', true),
      becomes('inject-plain', 'plain', false), becomes('inject-label', 'not-me', false),
    ]);
  });

  it('kubectl annotate on the Deployment itself, with either key; taking it away takes the proxy away', async () => {
    await Promise.all([becomes('inject-plain', 'later', false), becomes('inject-plain', 'later-alias', false)]);
    await annotate('deploy', 'later', `${INJECT}=enabled`);
    await annotate('deploy', 'later-alias', `${INJECT_ALIAS}=enabled`);
    await Promise.all([becomes('inject-plain', 'later', true), becomes('inject-plain', 'later-alias', true)]);
    await annotate('deploy', 'later', `${INJECT}-`);
    await annotate('deploy', 'later-alias', `${INJECT_ALIAS}-`);
    await Promise.all([becomes('inject-plain', 'later', false), becomes('inject-plain', 'later-alias', false)]);
  });

  it('kubectl mesh inject, for manifests, and uninject', async () => {
    const input = JSON.stringify(deployment('inject-plain', 'filed'));
    const injected = await kube().must('inject', ['mesh', 'inject', '-'], { input });
    await kube().must('apply', ['apply', '-f', '-'], { input: injected });
    await becomes('inject-plain', 'filed', true);
    const back = await kube().must('uninject', ['mesh', 'uninject', '-'], { input: injected });
    await kube().must('apply', ['apply', '-f', '-'], { input: back });
    await becomes('inject-plain', 'filed', false);
  });
});
