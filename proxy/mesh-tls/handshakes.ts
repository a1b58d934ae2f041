import type { Registry } from '../telemetry/registry.ts';

/** Called for each handshake of mesh TLS that succeeded. */
export type OnHandshake = (resumed: boolean) => void;

/** Counts handshakes, so that one can see how many were cheap. */
export function countHandshakes(registry: Registry): { inbound: OnHandshake; outbound: OnHandshake } {
  const family = registry.counter('tls_handshakes_total', 'Handshakes of mesh TLS that succeeded, by whether they resumed a session.');
  const counting = (direction: string): OnHandshake => {
    const full = family.permanent({ direction, resumed: 'false' });
    const short = family.permanent({ direction, resumed: 'true' });
    return (resumed) => { (resumed ? short : full).value++; };
  };
  return { inbound: counting('inbound'), outbound: counting('outbound') };
}
