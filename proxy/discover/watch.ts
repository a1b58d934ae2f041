import type { Clock } from '../../lib/clock.ts';
import type { Init, Plain } from '../../lib/grpc/wire.ts';
import type { Service } from '../message/contract.ts';
import { Backoff } from './backoff.ts';
import { call, type GrpcError, type Method } from './grpc.ts';

export interface Channel { service: Service; authority: string; clock: Clock; random: () => number }

export interface WatchHandlers<Res> {
  message: (m: Plain<Res>) => void;
  /** the stream ended; true to give up, false to open it again. Until then what was received last stays in force */
  ended: (error: GrpcError | null) => boolean;
}

/** A stream that lasted this long was a good one: when it ends, the next is opened soon. A server that ends each right after its first message is not stormed. */
const GOOD_MS = 10_000;

/** A server-streaming call that is opened again, with jittered backoff, whenever it ends. */
export class Watch<Req, Res> {
  private readonly channel: Channel;
  private readonly method: Method<Req, Res>;
  private readonly request: Init<Req>;
  private readonly handlers: WatchHandlers<Res>;
  private readonly backoff: Backoff;
  private cancelCall: () => void = () => {};
  private stopped = false;
  /** the control plane has answered on the present call */
  private live = false;

  constructor(channel: Channel, method: Method<Req, Res>, request: Init<Req>, handlers: WatchHandlers<Res>) {
    this.channel = channel;
    this.method = method;
    this.request = request;
    this.handlers = handlers;
    this.backoff = new Backoff(channel.clock, channel.random, 100, 10_000);
    this.open();
  }

  private open(): void {
    if (this.stopped) return;
    const openedAt = this.channel.clock.now();
    this.cancelCall = call(this.channel.service, this.channel.authority, this.method, this.request, {
      message: (m) => {
        this.live = true;
        this.handlers.message(m);
      },
      end: (error) => {
        this.live = false;
        if (this.stopped) return;
        if (this.channel.clock.now() - openedAt >= GOOD_MS) this.backoff.reset();
        if (this.handlers.ended(error)) this.stop();
        else this.backoff.schedule(() => this.open());
      },
    });
  }

  /** What was received last is up to date, as far as can be known: the stream is open, or was ended for good. */
  get current(): boolean {
    return this.live || this.stopped;
  }

  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.backoff.stop();
    this.cancelCall();
  }
}
