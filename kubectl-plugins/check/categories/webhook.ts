import { DEFAULT_CONTROL_NAMESPACE, SERVICES, SERVING_SECRET, VALIDATOR_CONFIGURATION, WEBHOOK_CONFIGURATION } from '../../../api/names.ts';
import { parseCertificates } from '../../../lib/pki/pem.ts';
import { pathToAnchor } from '../../../lib/pki/verify.ts';
import { decoded, invalidAt, isoDate, subjectOf } from '../../shared/certificates.ts';
import { hasBundle } from '../../shared/health.ts';
import { KINDS } from '../../shared/kinds.ts';
import { CheckFailure, type Category, type CheckContext } from '../types.ts';

const namespace = DEFAULT_CONTROL_NAMESPACE;
const SOON_MS = 24 * 3_600_000;

export const webhook: Category = {
  name: 'webhook',
  checks: [
    {
      description: 'every webhook knows the authority of the injector',
      hint: 'webhook-bundle',
      retry: true,
      test: async (c) => {
        const deaf = (await configurations(c)).find((one) => !hasBundle(one));
        if (deaf) throw new CheckFailure(`a webhook of ${deaf.metadata.name} has no caBundle, so the API server cannot call it`);
      },
    },
    {
      description: 'the injector has a valid serving certificate',
      hint: 'webhook-certificate',
      retry: true,
      test: async (c) => {
        const { chain } = await serving(c);
        const reason = invalidAt(chain[0]!, c.io.now());
        if (reason) throw new CheckFailure(`${subjectOf(chain[0]!)} ${reason}`);
        const host = `${SERVICES.webhook}.${namespace}.svc`;
        if (!chain[0]!.checkHost(host)) throw new CheckFailure(`it is not for ${host}`);
      },
    },
    {
      description: 'the serving certificate is renewed in time',
      hint: 'webhook-certificate',
      warning: true,
      test: async (c) => {
        const { chain } = await serving(c);
        if (invalidAt(chain[0]!, c.io.now() + SOON_MS)) throw new CheckFailure(`it expires on ${isoDate(chain[0]!.validToDate)} and should have been renewed by now`);
      },
    },
    {
      description: 'the serving certificate comes from the authority that the webhooks know',
      hint: 'webhook-bundle',
      retry: true,
      test: async (c) => {
        const [{ chain }, all] = await Promise.all([serving(c), configurations(c)]);
        for (const hook of all.flatMap((one) => one.webhooks ?? [])) {
          const bundle = Buffer.from(hook.clientConfig.caBundle ?? '', 'base64').toString('utf8');
          if (!pathToAnchor(chain, parseCertificates(bundle, `the caBundle of webhook ${hook.name}`), c.io.now())) throw new CheckFailure(`the caBundle of webhook ${hook.name} does not vouch for it`);
        }
      },
    },
  ],
};

function configurations(c: CheckContext) {
  return c.once('webhooks', () => Promise.all([
    c.kube().get(KINDS.mutatingwebhookconfigurations, WEBHOOK_CONFIGURATION, undefined, c.io.signal),
    c.kube().get(KINDS.validatingwebhookconfigurations, VALIDATOR_CONFIGURATION, undefined, c.io.signal),
  ]));
}

function serving(c: CheckContext) {
  return c.once('serving', async () => {
    const secret = await c.kube().get(KINDS.secrets, SERVING_SECRET, namespace, c.io.signal);
    return { chain: parseCertificates(decoded(secret, 'tls.crt'), `tls.crt of Secret ${SERVING_SECRET}`) };
  });
}
