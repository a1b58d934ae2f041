/** The part of OpenTelemetry's protocol that exporting spans takes: opentelemetry/proto/{collector/trace,trace,resource,common}/v1, by field numbers. */
import { KIND, table, type Table } from '../../lib/grpc/wire.ts';
import type { Method } from '../discover/grpc.ts';

export interface AnyValue { value: { case: 'stringValue'; value: string } | { case: 'intValue'; value: bigint } | { case: undefined; value?: undefined } }
export interface KeyValue { key: string; value: AnyValue }
/** code 0: unset, 2: error */
export interface Status { message: string; code: number }
export const SPAN_KIND = { server: 2, client: 3 } as const;
export interface Span {
  /** 16 bytes */
  traceId: Uint8Array;
  /** 8 bytes */
  spanId: Uint8Array;
  parentSpanId: Uint8Array;
  name: string;
  kind: number;
  startTimeUnixNano: bigint;
  endTimeUnixNano: bigint;
  attributes: KeyValue[];
  status: Status;
}
export interface Scope { name: string; version: string }
export interface ScopeSpans { scope: Scope; spans: Span[] }
export interface Resource { attributes: KeyValue[] }
export interface ResourceSpans { resource: Resource; scopeSpans: ScopeSpans[] }
export interface ExportRequest { resourceSpans: ResourceSpans[] }
export interface ExportResponse { partialSuccess: { rejectedSpans: bigint; errorMessage: string } | undefined }

const anyValue: Table<AnyValue> = table(() => [[1, 'stringValue', KIND.string, 'value'], [3, 'intValue', KIND.int64, 'value']]);
const keyValue: Table<KeyValue> = table(() => [[1, 'key', KIND.string], [2, 'value', KIND.message, '', anyValue]]);
const status: Table<Status> = table(() => [[2, 'message', KIND.string], [3, 'code', KIND.enum]]);
const span: Table<Span> = table(() => [
  [1, 'traceId', KIND.bytes], [2, 'spanId', KIND.bytes], [4, 'parentSpanId', KIND.bytes], [5, 'name', KIND.string], [6, 'kind', KIND.enum],
  [7, 'startTimeUnixNano', KIND.fixed64], [8, 'endTimeUnixNano', KIND.fixed64], [9, 'attributes', KIND.message, '[]', keyValue], [15, 'status', KIND.message, '', status],
]);
const scope: Table<Scope> = table(() => [[1, 'name', KIND.string], [2, 'version', KIND.string]]);
const scopeSpans: Table<ScopeSpans> = table(() => [[1, 'scope', KIND.message, '', scope], [2, 'spans', KIND.message, '[]', span]]);
const resource: Table<Resource> = table(() => [[1, 'attributes', KIND.message, '[]', keyValue]]);
const resourceSpans: Table<ResourceSpans> = table(() => [[1, 'resource', KIND.message, '', resource], [2, 'scopeSpans', KIND.message, '[]', scopeSpans]]);
const partialSuccess: Table<{ rejectedSpans: bigint; errorMessage: string }> = table(() => [[1, 'rejectedSpans', KIND.int64], [2, 'errorMessage', KIND.string]]);

export const EXPORT: Method<ExportRequest, ExportResponse> = {
  path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  request: table(() => [[1, 'resourceSpans', KIND.message, '[]', resourceSpans]]),
  response: table(() => [[1, 'partialSuccess', KIND.message, '', partialSuccess]]),
};

export function text(key: string, value: string): KeyValue {
  return { key, value: { value: { case: 'stringValue', value } } };
}

export function int(key: string, value: number): KeyValue {
  return { key, value: { value: { case: 'intValue', value: BigInt(value) } } };
}
