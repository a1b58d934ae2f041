import { DEFAULT_CONTROL_NAMESPACE } from '../../../api/names.ts';
import { canI, missingAccess, type Access } from '../../shared/access.ts';
import { find } from '../../shared/installed.ts';
import { KINDS } from '../../shared/kinds.ts';
import { CheckFailure, type Category, type Check, type CheckContext } from '../types.ts';

const SKEW_LIMIT_MS = 5 * 60_000;

/** Kinds by what a person would call them. */
const CLUSTER_WIDE = [KINDS.namespaces, KINDS.clusterroles, KINDS.clusterrolebindings, KINDS.mutatingwebhookconfigurations, KINDS.validatingwebhookconfigurations, KINDS.apiservices];
const NAMESPACED = [KINDS.serviceaccounts, KINDS.services, KINDS.deployments, KINDS.configmaps, KINDS.secrets, KINDS.roles, KINDS.rolebindings];

export const preInstall: Category = {
  name: 'pre-install',
  checks: [
    {
      description: `namespace ${DEFAULT_CONTROL_NAMESPACE} does not exist yet`,
      hint: 'pre-namespace',
      test: async (c) => {
        const found = await find(c.kube(), KINDS.namespaces, { name: DEFAULT_CONTROL_NAMESPACE }, c.io.signal);
        if (found) throw new CheckFailure(`the namespace exists${found.metadata.deletionTimestamp ? ' and is being deleted' : ''}`);
      },
    },
    ...CLUSTER_WIDE.map((r) => mayCreate(r.plural, { verb: 'create', group: r.group, resource: r.plural })),
    ...NAMESPACED.map((r) => mayCreate(r.plural, { verb: 'create', group: r.group, resource: r.plural, namespace: DEFAULT_CONTROL_NAMESPACE })),
    {
      description: 'the clocks of this machine and the cluster agree',
      hint: 'pre-clock',
      warning: true,
      test: clocksAgree,
    },
  ],
};

function mayCreate(what: string, access: Access): Check {
  return {
    description: `can create ${what}`,
    hint: 'pre-permissions',
    test: async (c) => {
      const [missing] = await missingAccess(c.kube(), [access], c.io.signal);
      if (missing) throw new CheckFailure(`you may not; ask an administrator, then see: ${canI(missing)}`);
    },
  };
}

async function clocksAgree(c: CheckContext): Promise<void> {
  const answer = await c.kube().raw({ path: '/version', signal: c.io.signal });
  const theirs = Date.parse(answer.headers.date ?? '');
  if (Number.isNaN(theirs)) throw new CheckFailure('the cluster does not tell its time');
  const skew = Math.abs(c.io.now() - theirs);
  if (skew > SKEW_LIMIT_MS) throw new CheckFailure(`they differ by ${Math.round(skew / 1000)} s; certificates made now may not be valid yet, or not any more`);
}
