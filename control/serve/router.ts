/** The methods that a server answers, and how each kind of handler is run. */
import { create, fromBinary, toBinary, type DescMessage, type DescMethod, type DescService, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { frame } from '../../lib/grpc/frame.ts';
import type { CallContext, Frames, Outgoing, ServerCall } from './call.ts';

/** Answers a watch by whatever it sends, as long as the call lasts. */
export type Push = (out: Outgoing) => void;

type Handler<M extends DescMethod> = M['methodKind'] extends 'unary'
  ? (request: MessageShape<M['input']>, context: CallContext) => Promise<MessageInitShape<M['output']>>
  : (request: MessageShape<M['input']>, context: CallContext) => AsyncIterable<MessageInitShape<M['output']>> | Push;

/** Handlers by the local names of a service's methods; those left out are answered as unknown. */
export type ServiceHandlers<S extends DescService> = { [K in keyof S['method']]?: Handler<S['method'][K]> };

export interface Router {
  service<S extends DescService>(service: S, handlers: ServiceHandlers<S>): Router;
}

/** Runs a call with its decoded request. Rejects with what the call fails with. */
export type Run = (call: ServerCall, message: Uint8Array) => Promise<void> | void;

type AnyHandler = (request: unknown, context: CallContext) => Promise<object> | AsyncIterable<object> | Push;

/** By path. */
export function routesOf(routes: (router: Router) => void): Map<string, Run> {
  const found = new Map<string, Run>();
  const router: Router = {
    service(service, handlers) {
      for (const method of service.methods) {
        const handler = (handlers as Record<string, AnyHandler | undefined>)[method.localName];
        if (handler !== undefined) found.set(`/${service.typeName}/${method.name}`, runOf(method, handler.bind(handlers)));
      }
      return router;
    },
  };
  routes(router);
  return found;
}

function runOf({ input, output, methodKind }: DescMethod, handler: AnyHandler): Run {
  const framed = (message: object): Frames => ({ bytes: frame(toBinary(output, create(output, message as MessageInitShape<typeof output>))), count: 1 });
  if (methodKind === 'unary') {
    return async (call, message) => {
      if (!call.send(framed(await (handler(read(input, message), call) as Promise<object>)))) await call.drained();
      call.complete();
    };
  }
  return (call, message) => {
    const answer = handler(read(input, message), call) as AsyncIterable<object> | Push;
    if (typeof answer !== 'function') return pull(call, answer, framed);
    call.pushed = true;
    answer(call);
  };
}

function read(input: DescMessage, message: Uint8Array): unknown {
  try {
    return fromBinary(input, message);
  } catch (cause) {
    throw new ConnectError('the request is not a message of this method', Code.InvalidArgument, undefined, undefined, cause);
  }
}

async function pull(call: ServerCall, messages: AsyncIterable<object>, framed: (message: object) => Frames): Promise<void> {
  for await (const message of messages) {
    if (call.over) return;
    if (!call.send(framed(message))) await call.drained();
  }
  call.complete();
}
