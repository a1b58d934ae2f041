import { KubeError } from '../../lib/kube/error.ts';
import { NO_CREDENTIALS } from './connect.ts';
import { CliError, messageOf } from './errors.ts';
import { EXIT } from './exit.ts';

/** Any thrown value as an error for people: failures of the cluster get the reason and the next step, the rest stays as it is. */
export function explain(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof KubeError) return explainKube(error);
  return new CliError(`${messageOf(error).replace(/[.\s]*$/, '')}. Run the command again with --verbose to see where this came from.`, EXIT.failed, { cause: error });
}

function explainKube(error: KubeError): CliError {
  const cause = { cause: error };
  const text = error.message.replace(/[.\s]*$/, '');
  switch (error.reason) {
    case 'InvalidConfig':
      return new CliError(`No cluster to talk to: ${text}.`, EXIT.cluster, cause);
    case NO_CREDENTIALS:
      return new CliError(`The kubeconfig gives no credentials: ${text}. Log in again, see that the credential plugin it names is installed, or choose another user with --context.`, EXIT.cluster, cause);
    case 'Unreachable':
      return new CliError(unreachable(error, text), EXIT.cluster, cause);
    case 'Timeout':
      return new CliError(`The cluster did not answer in time: ${text}. Check it with "kubectl cluster-info" and try again.`, EXIT.cluster, cause);
    case 'Unauthorized':
      return new CliError(
        `The cluster does not accept your credentials: ${text}. They may have expired; log in again, or choose another user with --context or --kubeconfig.`,
        EXIT.cluster, cause);
    case 'Forbidden':
      return new CliError(forbidden(text), EXIT.cluster, cause);
    case 'NotFound':
      return new CliError(`${text}.`, EXIT.failed, cause);
    default:
      return new CliError(`The cluster refused: ${text}.`, EXIT.failed, cause);
  }
}

function unreachable(error: KubeError, text: string): string {
  const detail = `${text} ${messageOf(error.cause)}`;
  if (detail.includes('localhost:8080')) {
    return 'No cluster to talk to: there is no kubeconfig file, so the default address localhost:8080 was tried and nothing answers there. '
      + 'Set KUBECONFIG, or name a file with --kubeconfig.';
  }
  if (/certificate|self-signed|altnames/i.test(detail)) {
    return `The cluster's certificate was not accepted: ${text}. The kubeconfig may be of another or an earlier cluster; get a new one.`;
  }
  return `The cluster cannot be reached: ${text}. Check that it runs ("kubectl cluster-info"), or choose another with --context or --kubeconfig.`;
}

/** The message of the API server names verb, resource and group; `kubectl auth can-i` asks the same question. */
function forbidden(text: string): string {
  const found = /User "([^"]*)" cannot (\S+) resource "([^"]+)" in API group "([^"]*)"(?: in the namespace "([^"]+)")?/.exec(text);
  if (!found) return `You are not allowed to do this: ${text}. Ask an administrator of the cluster for the permission.`;
  const [, user, verb, resource, group, namespace] = found;
  const [plural, subresource] = resource!.split('/');
  const dotted = group ? `${plural}.${group}` : plural;
  const what = subresource ? `${dotted}/${subresource}` : dotted;
  const where = `${subresource ? ` --subresource=${subresource}` : ''}${namespace ? ` -n ${namespace}` : ''}`;
  return `You (${user}) are not allowed to ${verb} ${what}${namespace ? ` in namespace ${namespace}` : ''}. `
    + `Ask an administrator of the cluster for it, then check with: kubectl auth can-i ${verb} ${dotted}${where}`;
}
