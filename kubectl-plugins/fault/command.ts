import { command } from '../shared/command.ts';
import { CLUSTER_FLAGS, NAMESPACE_FLAG, outputFlag } from '../shared/flags.ts';

export const fault = command({
  usage: 'fault <service>',
  summary: 'Make requests for a Service slow or fail, on purpose',
  description:
    'Delays or aborts a share of the requests that meshed clients send to a Service, to see what becomes of the rest. It ends by itself after --for. Nothing is deployed: the '
    + 'fault is written on the Service as annotations, and the proxies of its clients do it. Without flags it shows what is in force.',
  positionals: { service: { describe: 'svc/NAME, or NAME' } },
  flags: {
    namespace: NAMESPACE_FLAG,
    delay: { type: 'string', describe: 'how long requests wait: 200ms, or a range such as 100ms-500ms', requiresArg: true },
    abort: { type: 'string', describe: 'what requests are answered with: an HTTP status, or grpc:CODE such as grpc:unavailable', requiresArg: true },
    percent: { type: 'number', default: 100, describe: 'share of the requests', requiresArg: true },
    for: { type: 'string', default: '5m', describe: 'when it ends by itself', requiresArg: true },
    remove: { type: 'boolean', describe: 'end it now' },
    'dry-run': { type: 'boolean', describe: 'show what would change, and change nothing' },
    output: outputFlag(['table', 'json'], 'table'),
    ...CLUSTER_FLAGS,
  },
  examples: [
    ['fault svc/books --delay 200ms --percent 10 --for 5m', 'one request in ten waits for 200 ms'],
    ['fault svc/books --abort 503 --percent 1', 'one in a hundred fails'],
    ['fault svc/books --abort grpc:unavailable', 'every gRPC call fails'],
    ['fault svc/books', 'what is in force'],
    ['fault svc/books --remove', 'end it'],
  ],
}, async () => {
  const [{ validate }, { run }] = await Promise.all([import('./options.ts'), import('./run.ts')]);
  return { validate, run };
});
