/** Trace contexts in request fields: W3C Trace Context (traceparent) first, then B3 in several headers, as Linkerd reads them. */
import { field, type Fields } from '../message/contract.ts';

export interface TraceContext {
  format: 'w3c' | 'b3';
  /** 32 hex digits */
  traceId: string;
  /** 16 hex digits: the span of whoever sent the request */
  parentId: string;
  sampled: boolean;
}

const PARENT = 'traceparent';
const B3 = { trace: 'x-b3-traceid', span: 'x-b3-spanid', sampled: 'x-b3-sampled', flags: 'x-b3-flags' } as const;
const ZEROS = /^0+$/;

/** null when there is none, or none that can be understood: then the request passes as it is. */
export function readContext(fields: Fields): TraceContext | null {
  const parent = field(fields, PARENT);
  return (parent === undefined ? null : w3c(parent)) ?? b3(fields);
}

/** Version 00 exactly; later versions may have more after the flags (W3C Trace Context 4.3), ff is forbidden. */
function w3c(text: string): TraceContext | null {
  const m = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(text);
  if (m === null || m[1] === 'ff' || (m[1] === '00' && m[5] !== undefined) || ZEROS.test(m[2]!) || ZEROS.test(m[3]!)) return null;
  return { format: 'w3c', traceId: m[2]!, parentId: m[3]!, sampled: (parseInt(m[4]!, 16) & 1) === 1 };
}

function b3(fields: Fields): TraceContext | null {
  const trace = field(fields, B3.trace)?.toLowerCase() ?? '';
  const parentId = field(fields, B3.span)?.toLowerCase() ?? '';
  if (!/^(?:[0-9a-f]{16}){1,2}$/.test(trace) || !/^[0-9a-f]{16}$/.test(parentId) || ZEROS.test(trace) || ZEROS.test(parentId)) return null;
  const sampled = field(fields, B3.sampled);
  return { format: 'b3', traceId: trace.padStart(32, '0'), parentId, sampled: sampled === '1' || sampled === 'true' || field(fields, B3.flags) === '1' };
}

/** The fields with `spanId` (16 hex digits) in place of the parent's. */
export function withSpan(fields: Fields, context: TraceContext, spanId: string): Fields {
  const name = context.format === 'w3c' ? PARENT : B3.span;
  const out = fields.slice();
  for (let i = 0; i < out.length; i += 2) {
    if (out[i] !== name) continue;
    // 00-<32>-<16>-…: the rest of the value stays as it came
    out[i + 1] = context.format === 'w3c' ? `${out[i + 1]!.slice(0, 36)}${spanId}${out[i + 1]!.slice(52)}` : spanId;
  }
  return out;
}
