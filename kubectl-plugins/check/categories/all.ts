import type { CheckOptions } from '../options.ts';
import type { Category } from '../types.ts';
import { aggregatedApis } from './apis.ts';
import { controlPlane } from './control-plane.ts';
import { dataPlane } from './data-plane.ts';
import { existence } from './existence.ts';
import { identity } from './identity.ts';
import { kubernetesApi, kubernetesVersionCategory } from './kubernetes.ts';
import { policy } from './policy.ts';
import { preInstall } from './pre-install.ts';
import { webhook } from './webhook.ts';

/** The table of checks, in the order in which they run. */
export function categories(options: CheckOptions): Category[] {
  if (options.pre) return [kubernetesApi, kubernetesVersionCategory, preInstall];
  return [kubernetesApi, kubernetesVersionCategory, existence, identity, controlPlane, webhook, aggregatedApis, dataPlane, policy];
}
