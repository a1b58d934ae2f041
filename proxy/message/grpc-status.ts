import { field, type Fields } from './contract.ts';

/** grpc-status of a head or of trailers; -1 when there is none, or none that is a number of at most two digits. */
export function grpcStatusOf(fields: Fields): number {
  const s = field(fields, 'grpc-status');
  return s !== undefined && /^\d{1,2}$/.test(s) ? Number(s) : -1;
}

/** gRPC statuses that are the server's fault (Linkerd's classification): UNKNOWN, DEADLINE_EXCEEDED, PERMISSION_DENIED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
export const FAILED_GRPC: ReadonlySet<number> = new Set([2, 4, 7, 13, 14, 15]);
