/** Commands that messages name. */
import { DEMO_CLUSTER, type DemoOptions } from './options.ts';

/** What removes a demo that was started with these options. */
export function downCommand({ choice, name }: Pick<DemoOptions, 'choice' | 'name'>): string {
  const flags = [
    ...(choice.provider === undefined ? [] : ['--provider', choice.provider]),
    ...(name === DEMO_CLUSTER ? [] : ['--name', name]),
    ...(choice.kubeconfig === undefined ? [] : ['--kubeconfig', choice.kubeconfig]),
    ...(choice.context === undefined ? [] : ['--context', choice.context]),
  ];
  return ['npm run demo:down', ...(flags.length === 0 ? [] : ['--', ...flags])].join(' ');
}
