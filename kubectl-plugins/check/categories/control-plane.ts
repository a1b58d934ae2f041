import { CONFIG_MAP, CONTROL_WORKLOAD, DEFAULT_CONTROL_NAMESPACE, IDENTITY_WORKLOAD } from '../../../api/names.ts';
import { VERSION } from '../../../api/version.ts';
import { isAvailable, troubleOf } from '../../shared/health.ts';
import { installedVersion } from '../../shared/installed.ts';
import { KINDS } from '../../shared/kinds.ts';
import { highAvailability } from './high-availability.ts';
import { CheckFailure, type Category, type Check } from '../types.ts';

const namespace = DEFAULT_CONTROL_NAMESPACE;

export const controlPlane: Category = {
  name: 'control-plane',
  checks: [
    available(IDENTITY_WORKLOAD),
    available(CONTROL_WORKLOAD),
    highAvailability,
    {
      description: 'control plane and plugin have the same version',
      hint: 'version-match',
      warning: true,
      test: async (c) => {
        const version = await installedVersion(c.kube(), namespace, c.io.signal);
        if (version === undefined) throw new CheckFailure(`ConfigMap ${CONFIG_MAP} names no version`);
        if (version !== VERSION) throw new CheckFailure(`the control plane is version ${version}, this plugin ${VERSION}`);
      },
    },
  ],
};

function available(name: string): Check {
  return {
    description: `deployment ${name} is available`,
    hint: 'control-plane-ready',
    retry: true,
    test: async (c) => {
      const deployment = await c.kube().get(KINDS.deployments, name, namespace, c.io.signal);
      if (isAvailable(deployment)) return;
      const trouble = await troubleOf(c.kube(), deployment, c.io.signal);
      throw new CheckFailure(trouble ? `pod ${trouble.pod}: ${trouble.text}` : 'its pods are starting');
    },
  };
}
