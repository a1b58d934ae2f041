import type { FieldProblem } from '../lib/traffic/read.ts';
import type { JsonPatchOp } from './patch.ts';

/** The part of admission.k8s.io/v1 AdmissionRequest that the webhooks read. */
export interface AdmissionRequest {
  uid: string;
  kind: { group: string; version: string; kind: string };
  name?: string | undefined;
  /** empty for cluster-scoped objects */
  namespace: string;
  operation: string;
  object: unknown;
  /** the state before an UPDATE */
  oldObject: unknown;
  dryRun: boolean;
}

export interface Verdict {
  operations: JsonPatchOp[];
  warnings: string[];
  /** why the object is refused, field by field; absent or empty: it is not */
  refused?: FieldProblem[];
}

/** The body is not an AdmissionReview v1 with a request. */
export class MalformedReview extends Error {
  override readonly name = 'MalformedReview';
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Reads the body that the API server posts. Throws MalformedReview. */
export function readReview(body: unknown): AdmissionRequest {
  if (!isObject(body) || body['kind'] !== 'AdmissionReview') throw new MalformedReview('the body is not an AdmissionReview');
  if (body['apiVersion'] !== 'admission.k8s.io/v1') throw new MalformedReview(`AdmissionReview version ${String(body['apiVersion'])} is not admission.k8s.io/v1`);
  const request = body['request'];
  if (!isObject(request) || text(request['uid']) === '') throw new MalformedReview('the AdmissionReview has no request with a uid');
  const kind = isObject(request['kind']) ? request['kind'] : {};
  return {
    uid: text(request['uid']),
    kind: { group: text(kind['group']), version: text(kind['version']), kind: text(kind['kind']) },
    name: text(request['name']) || undefined,
    namespace: text(request['namespace']),
    operation: text(request['operation']),
    object: request['object'] ?? null,
    oldObject: request['oldObject'] ?? null,
    dryRun: request['dryRun'] === true,
  };
}

/** The API server cuts longer warnings off, and drops all of them beyond 4096 characters. */
const MAX_WARNING = 256;
const MAX_WARNINGS = 4096;

function fit(warnings: string[]): string[] {
  const out: string[] = [];
  let left = MAX_WARNINGS;
  for (const warning of warnings) {
    const line = warning.length <= MAX_WARNING ? warning : `${warning.slice(0, MAX_WARNING - 1)}…`;
    if (line.length > left) break;
    left -= line.length;
    out.push(line);
  }
  return out;
}

/** The answer. A refusal reads as the API server's own about fields do (StatusReason Invalid). */
export function writeReview(uid: string, { operations, warnings, refused = [] }: Verdict): object {
  const said = fit(warnings);
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: {
      uid,
      allowed: refused.length === 0,
      ...(refused.length > 0 && { status: statusOf(refused) }),
      ...(operations.length > 0 && { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(operations)).toString('base64') }),
      ...(said.length > 0 && { warnings: said }),
    },
  };
}

function statusOf(refused: readonly FieldProblem[]): object {
  return {
    code: 422,
    reason: 'Invalid',
    message: refused.map(({ field, message }) => `${field}: ${message}`).join('; '),
    details: { causes: refused.map(({ field, message }) => ({ reason: 'FieldValueInvalid', field, message })) },
  };
}
