import type { MessageInitShape } from '@bufbuild/protobuf';
import type { BackendSchema, SessionAffinitySchema } from '../../../../api/gen/outbound_pb.js';
import { duration, metadata } from '../../wire.ts';
import type { Backend, SessionAffinity } from '../model.ts';

/** Requests that may wait for a backend, and how long: a burst before discovery has answered is held and not shed (Linkerd's 100 are held back by its clients). */
const QUEUE = { capacity: 10_000, failfastTimeout: duration(3000) };
/** What a balancer assumes and forgets; Linkerd's values. */
const PEAK_EWMA = { defaultRtt: duration(30), decay: duration(10_000) };
/** As fast as the average forgets. */
const PENALTY_DECAY = PEAK_EWMA.decay;

export function backendMessage({ reference, destination, affinity, slowStartMs, penalty }: Backend): MessageInitShape<typeof BackendSchema> {
  return {
    metadata: metadata(reference),
    queue: QUEUE,
    kind: {
      case: 'balancer',
      value: {
        discovery: { kind: { case: 'dst', value: { path: destination } } },
        load: penalty
          ? { case: 'penaltyPeakEwma', value: { ...PEAK_EWMA, penalty: duration(penalty.ms), maxRetryAfter: duration(penalty.maxRetryAfterMs), penaltyDecay: PENALTY_DECAY } }
          : { case: 'peakEwma', value: PEAK_EWMA },
        ...(slowStartMs !== undefined && { slowStart: duration(slowStartMs) }),
      },
    },
    ...(affinity && { sessionAffinity: sessionAffinity(affinity) }),
  };
}

function sessionAffinity(affinity: SessionAffinity): MessageInitShape<typeof SessionAffinitySchema> {
  if (affinity.kind === 'header') return { key: { case: 'header', value: affinity.name } };
  const { name, path, ttlMs } = affinity;
  return { key: { case: 'cookie', value: { name, path, ...(ttlMs !== undefined && { ttl: duration(ttlMs) }) } } };
}
