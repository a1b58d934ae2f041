import type { SocketAddr } from '../accept/addr.ts';
import type { Fields, RequestHead, ResponseHead, ResponseStream } from '../message/contract.ts';
import type { Reset } from '../message/reset.ts';

/** Who talks to whom in one tapped exchange. */
export interface Parties {
  direction: 'INBOUND' | 'OUTBOUND';
  source: SocketAddr;
  sourceLabels: Record<string, string>;
  destination: SocketAddr;
  destinationLabels: Record<string, string>;
  /** of the route that took the request */
  routeLabels?: Readonly<Record<string, string>> | null;
}

/** Times are milliseconds (clock.now). */
export interface Tapped {
  parties: Parties;
  /** unique in this process */
  id: number;
  request: RequestHead;
  requestAt: number;
  response: ResponseHead | null;
  responseAt: number;
  bytes: number;
}

export interface Observer {
  /** true when this exchange is wanted; asked once, at its start */
  wants(t: Tapped): boolean;
  request(t: Tapped): void;
  response(t: Tapped): void;
  end(t: Tapped, at: number, trailers: Fields | null, reset: Reset | null): void;
}

/** Taps that may run at a time: each looks at every exchange. */
export const MAX_TAPS = 16;

/** Where running taps register. With none, an exchange pays one comparison. */
export class TapHub {
  private readonly observers = new Set<Observer>();
  private ids = 0;
  private readonly now: () => number;

  constructor(now: () => number) {
    this.now = now;
  }

  /** Returns the way to stop, or null when there are too many already. */
  add(o: Observer): (() => void) | null {
    if (this.observers.size >= MAX_TAPS) return null;
    this.observers.add(o);
    return () => this.observers.delete(o);
  }

  /** Somebody watches. */
  get active(): boolean {
    return this.observers.size > 0;
  }

  /** The stream to answer on: `client` itself unless somebody watches this exchange. */
  observe(head: RequestHead, parties: () => Parties, client: ResponseStream): ResponseStream {
    if (this.observers.size === 0) return client;
    const t: Tapped = { parties: parties(), id: ++this.ids, request: head, requestAt: this.now(), response: null, responseAt: 0, bytes: 0 };
    const wanted = [...this.observers].filter((o) => o.wants(t));
    if (wanted.length === 0) return client;
    for (const o of wanted) o.request(t);
    return new TappedStream(t, wanted, client, this.now);
  }
}

class TappedStream implements ResponseStream {
  private readonly t: Tapped;
  private readonly observers: Observer[];
  private readonly to: ResponseStream;
  private readonly now: () => number;

  constructor(t: Tapped, observers: Observer[], to: ResponseStream, now: () => number) {
    this.t = t;
    this.observers = observers;
    this.to = to;
    this.now = now;
  }

  informational(head: ResponseHead): void {
    this.to.informational(head);
  }

  head(head: ResponseHead): void {
    this.t.response = head;
    this.t.responseAt = this.now();
    for (const o of this.observers) o.response(this.t);
    this.to.head(head);
  }

  data(buf: Buffer, start: number, end: number): void {
    this.t.bytes += end - start;
    this.to.data(buf, start, end);
  }

  end(trailers: Fields | null): void {
    for (const o of this.observers) o.end(this.t, this.now(), trailers, null);
    this.to.end(trailers);
  }

  reset(reason: Reset): void {
    for (const o of this.observers) o.end(this.t, this.now(), null, reason);
    this.to.reset(reason);
  }

  credit(n: number): void {
    this.to.credit(n);
  }
}
