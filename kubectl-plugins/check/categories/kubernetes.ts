import { kubernetesVersion, MINIMUM } from '../../shared/kubernetes-version.ts';
import { CheckFailure, type Category } from '../types.ts';

export const kubernetesApi: Category = {
  name: 'kubernetes-api',
  checks: [
    {
      description: 'can read the kubeconfig',
      hint: 'k8s-api',
      fatal: true,
      test: async (c) => {
        await c.connect();
      },
    },
    {
      description: 'can query the Kubernetes API',
      hint: 'k8s-api',
      fatal: true,
      test: async (c) => {
        // Every authenticated user may see which APIs there are; /version would be answered to strangers too.
        await c.kube().json({ path: '/apis', signal: c.io.signal, what: 'list APIs' });
      },
    },
  ],
};

export const kubernetesVersionCategory: Category = {
  name: 'kubernetes-version',
  checks: [
    {
      description: `is running Kubernetes ${MINIMUM} or newer`,
      hint: 'k8s-version',
      test: async (c) => {
        const version = await kubernetesVersion(c.kube(), c.io.signal);
        if (!version.supported) throw new CheckFailure(`the cluster runs ${version.text}, which has no native sidecar containers by default`);
      },
    },
  ],
};
