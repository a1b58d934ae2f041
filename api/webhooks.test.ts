import assert from 'node:assert/strict';
import { ADMISSION_LABEL, WEBHOOKS, mutatingWebhookConfiguration, validatingWebhookConfiguration } from './webhooks.ts';

describe('webhook configuration', () => {
  const { webhooks } = mutatingWebhookConfiguration({ controlNamespace: 'mesh-system' }, 'Q0E=');

  it('stays out of kube-system, of the control namespace and of namespaces that opted out', () => {
    for (const { namespaceSelector } of webhooks) {
      assert.deepEqual(namespaceSelector.matchExpressions[0], { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system', 'mesh-system'] });
      assert.deepEqual(namespaceSelector.matchExpressions[1], { key: ADMISSION_LABEL, operator: 'NotIn', values: ['disabled'] });
    }
  });

  it('fails closed only where pods are narrowed to those that asked', () => {
    for (const { name, failurePolicy, matchConditions } of webhooks) {
      assert.equal(failurePolicy, name === WEBHOOKS.pod || name === WEBHOOKS.namespace ? 'Fail' : 'Ignore');
      assert.ok(matchConditions.length > 0);
    }
    const byNamespace = webhooks.find((w) => w.name === WEBHOOKS.namespace);
    assert.ok(byNamespace?.namespaceSelector.matchExpressions.some((e) => e.operator === 'In' && e.values?.[0] === 'enabled'));
  });

  it('carries the authority where one is given and no empty one otherwise', () => {
    assert.ok(webhooks.every((w) => w.clientConfig.caBundle === 'Q0E='));
    assert.ok(mutatingWebhookConfiguration({ controlNamespace: 'm' }).webhooks.every((w) => !('caBundle' in w.clientConfig)));
  });

  it('lets everything pass when nobody can be asked whether to refuse it', () => {
    for (const { failurePolicy, timeoutSeconds, namespaceSelector, rules } of validatingWebhookConfiguration({ controlNamespace: 'mesh-system' }).webhooks) {
      assert.equal(failurePolicy, 'Ignore');
      assert.ok(timeoutSeconds <= 3);
      assert.deepEqual(namespaceSelector, webhooks[0]!.namespaceSelector);
      assert.ok(rules.every((rule) => !rule.resources.some((one) => one.includes('/') || one === '*')));
    }
  });
});
