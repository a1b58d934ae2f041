import assert from 'node:assert/strict';
import { KubeError } from '../../lib/kube/error.ts';
import { matchesGolden } from '../testing/golden.ts';
import { UsageError } from './errors.ts';
import { explain } from './kube-errors.ts';

const refused = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:6443'), { code: 'ECONNREFUSED' });
const CASES: [string, unknown][] = [
  ['no kubeconfig', new KubeError(0, 'Unreachable', 'get pods: cannot reach the API server at localhost:8080: connect ECONNREFUSED')],
  ['refused', new KubeError(0, 'Unreachable', 'get pods: cannot reach the API server at 10.0.0.1:6443: connect ECONNREFUSED 10.0.0.1:6443', undefined, refused)],
  ['certificate', new KubeError(0, 'Unreachable', 'get pods: cannot reach the API server at 10.0.0.1:6443: self-signed certificate in certificate chain')],
  ['credentials', new KubeError(0, 'NoCredentials', 'spawn aws ENOENT')],
  ['timeout', new KubeError(0, 'Timeout', 'get pods: no answer from 10.0.0.1:6443 within 30 s')],
  ['bad context', new KubeError(0, 'InvalidConfig', 'the kubeconfig has no usable context "x"; it has: kind')],
  ['unauthorized', new KubeError(401, 'Unauthorized', 'get pods: Unauthorized')],
  ['forbidden cluster-wide', new KubeError(403, 'Forbidden', 'list namespaces: namespaces is forbidden: User "jane" cannot list resource "namespaces" in API group "" at the cluster scope')],
  ['forbidden in a namespace', new KubeError(403, 'Forbidden', 'tap: deployments.tap.kubectl-mesh.io "web" is forbidden: User "jane" cannot watch resource "deployments/tap" in API group "tap.kubectl-mesh.io" in the namespace "books"')],
  ['forbidden otherwise', new KubeError(403, 'Forbidden', 'apply: exceeded quota')],
  ['not found', new KubeError(404, 'NotFound', 'get pods books/web: pods "web" not found')],
  ['invalid', new KubeError(422, 'Invalid', 'apply services mesh-system/mesh-api: spec.ports: Required value')],
  ['anything', new TypeError('x is not a function')],
];

describe('errors of the cluster', () => {
  it('say what happened, why, and what to do', () => {
    matchesGolden(import.meta, 'kube-errors.txt', CASES.map(([name, error]) => {
      const said = explain(error);
      return `# ${name} (exit ${said.exitCode})\n${said.message}\n`;
    }).join('\n'));
  });

  it('leave alone what is said already, and keep the cause for --verbose', () => {
    const usage = new UsageError('no');
    assert.equal(explain(usage), usage);
    const cause = new Error('why');
    assert.equal(explain(cause).cause, cause);
  });
});
