/**
 * TLS sessions of peers that were connected to before, to resume (RFC 8446 2.2); bounded, the least recently renewed forgotten. Node says nothing about the peer
 * of a resumed session, so what its certificate said is kept beside.
 */
export interface Session {
  ticket: Buffer;
  /** end of the certificate that the peer showed, milliseconds since the epoch */
  notAfter: number;
}

const MAX_SESSIONS = 512;

export class Sessions {
  private readonly byPeer = new Map<string, Session>();

  get(peer: string): Session | undefined {
    return this.byPeer.get(peer);
  }

  put(peer: string, session: Session): void {
    this.byPeer.delete(peer);
    this.byPeer.set(peer, session);
    if (this.byPeer.size > MAX_SESSIONS) this.byPeer.delete(this.byPeer.keys().next().value!);
  }

  clear(): void {
    this.byPeer.clear();
  }

  get size(): number {
    return this.byPeer.size;
  }
}
