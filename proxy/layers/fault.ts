/** Makes requests wait or fail on purpose: failure injectors and faults of routes. */
import type { Clock, Timer } from '../../lib/clock.ts';
import { ReplayBuffer } from '../balance/replay.ts';
import type { Fields, Layer, RequestHead, RequestStream, ResponseStream, Service } from '../message/contract.ts';
import type { Reset } from '../message/reset.ts';
import type { Answer, Fault } from '../policy/outbound/model.ts';
import { answeredEarly, respondInjected } from '../respond.ts';

export interface FaultConfig {
  clock: Clock;
  random: () => number;
  /** counts one request that a fault of this kind hits */
  count: (kind: 'delay' | 'abort') => void;
  /** where the answer of a request goes that no endpoint sees, for tap */
  observe: (head: RequestHead, answer: ResponseStream) => ResponseStream;
}

/** Fails this share of requests, without a backend. */
export function failure(config: FaultConfig, answer: Answer, share: number): Layer {
  return (next) => (head, ended, client) => (hits(share, config.random) ? abort(config, head, ended, client, answer) : next(head, ended, client));
}

function hits(share: number, random: () => number): boolean {
  return share >= 1 || random() < share;
}

function abort(config: FaultConfig, head: RequestHead, ended: boolean, client: ResponseStream, answer: Answer): RequestStream {
  config.count('abort');
  mark(head, 'abort');
  respondInjected(head, config.observe(head, client), answer);
  return answeredEarly(ended, client);
}

function mark(head: RequestHead, kind: string): void {
  if (!head.fault.includes(kind)) head.fault = head.fault === '' ? kind : `${head.fault},${kind}`;
}

/** The request waits first, then it may be failed; whether either hits it is drawn apart. */
export function fault(config: FaultConfig, f: Fault): Layer {
  return (next) => (head, ended, client) => {
    if (config.clock.wall() >= f.until || !matches(f, head)) return next(head, ended, client);
    const aborts = f.abort !== null && hits(f.abort.share, config.random);
    const rest: Service = aborts ? (h, e, c) => abort(config, h, e, c, f.abort!.answer) : next;
    const ms = f.delay !== null && hits(f.delay.share, config.random) ? f.delay.ms(config.random) : 0;
    if (ms <= 0) return rest(head, ended, client);
    config.count('delay');
    mark(head, 'delay');
    return new Delayed(config.clock, ms, rest, head, ended, client);
  };
}

function matches(f: Fault, head: RequestHead): boolean {
  return f.matches.length === 0 || f.matches.some((m) => m(head));
}

/** A request that is held back: what arrives of it meanwhile is kept, which its window bounds, since nobody gives credit for it. */
class Delayed implements RequestStream {
  /** null when the request has no body */
  private readonly kept: ReplayBuffer | null;
  private readonly clock: Clock;
  private timer: Timer | null;
  private up: RequestStream | null = null;
  private over = false;

  constructor(clock: Clock, ms: number, next: Service, head: RequestHead, ended: boolean, client: ResponseStream) {
    this.clock = clock;
    this.kept = ended ? null : new ReplayBuffer(0);
    this.timer = clock.after(ms, () => {
      this.timer = null;
      const up = next(head, ended, client);
      if (this.over) return;
      this.up = up;
      this.kept?.send(up);
    });
  }

  data(buf: Buffer, start: number, end: number): void {
    if (this.up === null) this.kept?.data(buf, start, end, true);
    else this.up.data(buf, start, end);
  }

  end(trailers: Fields | null): void {
    if (this.up === null) this.kept?.end(trailers);
    else this.up.end(trailers);
  }

  reset(reason: Reset): void {
    this.over = true;
    this.clock.cancel(this.timer);
    this.up?.reset(reason);
  }

  credit(n: number): void {
    this.up?.credit(n);
  }
}
