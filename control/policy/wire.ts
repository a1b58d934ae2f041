import type { MessageInitShape } from '@bufbuild/protobuf';
import type { DurationSchema } from '@bufbuild/protobuf/wkt';
import type { HeaderMatchSchema, HttpRouteMatchSchema } from '../../api/gen/http_route_pb.js';
import { HttpMethod_Registered } from '../../api/gen/http_types_pb.js';
import type { MetadataSchema } from '../../api/gen/meta_pb.js';
import type { Reference, RequestMatch, ValueMatch } from './model.ts';

/** The parts that inbound and outbound messages share. */
export function duration(ms: number): MessageInitShape<typeof DurationSchema> {
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: Math.round((ms % 1000) * 1e6) };
}

export function metadata(reference: Reference): MessageInitShape<typeof MetadataSchema> {
  if (reference.kind === 'default') return { kind: { case: 'default', value: reference.name } };
  const { group, type, name, namespace, port = 0 } = reference;
  return { kind: { case: 'resource', value: { group, kind: type, name, namespace, port } } };
}

export function requestMatch({ path, method, headers = [], query = [] }: RequestMatch): MessageInitShape<typeof HttpRouteMatchSchema> {
  return {
    path: { kind: { case: path.kind, value: path.value } },
    headers: headers.map(headerMatch),
    queryParams: query.map(({ name, kind, value }) => ({ name, value: { case: kind, value } })),
    ...(method !== undefined && { method: httpMethod(method) }),
  };
}

export function headerMatch({ name, kind, value }: ValueMatch): MessageInitShape<typeof HeaderMatchSchema> {
  return { name, value: kind === 'exact' ? { case: 'exact', value: octets(value) } : { case: 'regex', value } };
}

/** Values of headers are octets on the wire. */
export function octets(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(text, 'utf8'));
}

function httpMethod(method: string): NonNullable<MessageInitShape<typeof HttpRouteMatchSchema>['method']> {
  const registered = HttpMethod_Registered[method as keyof typeof HttpMethod_Registered] as HttpMethod_Registered | undefined;
  return { type: registered === undefined ? { case: 'unregistered', value: method } : { case: 'registered', value: registered } };
}

/** Remembers the message of each policy object: many streams send the same one. */
export function once<P extends object, M>(make: (policy: P) => M): (policy: P) => M {
  const made = new WeakMap<P, M>();
  return (policy) => {
    let message = made.get(policy);
    if (message === undefined) {
      message = make(policy);
      made.set(policy, message);
    }
    return message;
  };
}
