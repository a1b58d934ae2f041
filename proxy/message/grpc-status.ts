/** gRPC statuses that are the server's fault (Linkerd's classification): UNKNOWN, DEADLINE_EXCEEDED, PERMISSION_DENIED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
export const FAILED_GRPC: ReadonlySet<number> = new Set([2, 4, 7, 13, 14, 15]);
