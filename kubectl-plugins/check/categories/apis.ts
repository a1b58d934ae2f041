import { API_SERVICES } from '../../../api/webhooks.ts';
import { availability } from '../../shared/health.ts';
import { KINDS } from '../../shared/kinds.ts';
import { CheckFailure, type Category } from '../types.ts';

export const aggregatedApis: Category = {
  name: 'aggregated-apis',
  checks: API_SERVICES.map((name) => ({
    description: `API ${name} is available`,
    hint: 'api-available',
    retry: true,
    test: async (c) => {
      const { available, message } = availability(await c.kube().get(KINDS.apiservices, name, undefined, c.io.signal));
      if (!available) throw new CheckFailure(message);
    },
  })),
};
