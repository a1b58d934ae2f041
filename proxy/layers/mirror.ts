/** Sends copies of requests to a second backend and throws its answers away (Gateway API HTTPRequestMirrorFilter). */
import { ANSWERED, WINDOW, type Fields, type Layer, type RequestStream, type ResponseHead, type ResponseStream, type Service } from '../message/contract.ts';
import { RESET, type Reset } from '../message/reset.ts';
import { OwnAnswer } from '../respond.ts';
import { withFields } from './headers.ts';

/**
 * How a copy ended: `answered` by the backend, `failed` without an answer of it, `dropped` because it could not keep up with the request or too many copies
 * were on their way.
 */
export type MirrorResult = 'answered' | 'failed' | 'dropped';

export interface MirrorConfig {
  random: () => number;
  /** of requests, 0 to 1 */
  share: number;
  /** where the copies go */
  to: Service;
  /** copies on their way at a time */
  maxActive: number;
  count: (result: MirrorResult) => void;
}

/**
 * The copy never holds the request up: it is sent what arrives, as it arrives, and is given up when it has more than WINDOW outstanding. What asks for a
 * tunnel is not copied.
 */
export function mirror(config: MirrorConfig): Layer {
  const active = { count: 0 };
  return (next) => (head, ended, client) => {
    const up = next(head, ended, client);
    if (head.upgrade !== '' || head.method === 'CONNECT' || (config.share < 1 && config.random() >= config.share)) return up;
    if (active.count >= config.maxActive) {
      config.count('dropped');
      return up;
    }
    const copy = new Copy(config, active);
    copy.started(config.to(withFields(head, head.fields), ended, copy));
    return ended ? up : new Doubled(up, copy);
  };
}

/** The answer of the second backend, unread. */
class Copy implements ResponseStream {
  private readonly config: MirrorConfig;
  private readonly active: { count: number };
  private up: RequestStream = ANSWERED;
  private outstanding = 0;
  private owed = 0;
  private answered = false;
  private over = false;

  constructor(config: MirrorConfig, active: { count: number }) {
    this.config = config;
    this.active = active;
    active.count++;
  }

  started(up: RequestStream): void {
    if (this.over) return;
    this.up = up;
    if (this.owed > 0) up.credit(this.owed);
  }

  private finish(result: MirrorResult): void {
    if (this.over) return;
    this.over = true;
    this.active.count--;
    this.config.count(result);
  }

  // Towards the second backend.

  send(buf: Buffer, start: number, end: number): void {
    if (this.over) return;
    this.outstanding += end - start;
    if (this.outstanding <= WINDOW) {
      this.up.data(buf, start, end);
      return;
    }
    this.finish('dropped');
    this.up.reset(RESET.cancel);
  }

  sendEnd(trailers: Fields | null): void {
    if (!this.over) this.up.end(trailers);
  }

  abandon(reason: Reset): void {
    if (this.over) return;
    this.finish('dropped');
    this.up.reset(reason);
  }

  // From the second backend.

  informational(): void {
    // thrown away like the rest
  }

  head(head: ResponseHead): void {
    this.answered = !(head instanceof OwnAnswer);
  }

  data(_buf: Buffer, start: number, end: number): void {
    if (this.over) return;
    if (this.up === ANSWERED) this.owed += end - start;
    else this.up.credit(end - start);
  }

  end(): void {
    this.finish(this.answered ? 'answered' : 'failed');
  }

  reset(): void {
    this.finish(this.answered ? 'answered' : 'failed');
  }

  credit(n: number): void {
    this.outstanding -= n;
  }
}

/** The request on its way to both. */
class Doubled implements RequestStream {
  private readonly up: RequestStream;
  private readonly copy: Copy;

  constructor(up: RequestStream, copy: Copy) {
    this.up = up;
    this.copy = copy;
  }

  data(buf: Buffer, start: number, end: number): void {
    this.copy.send(buf, start, end);
    this.up.data(buf, start, end);
  }

  end(trailers: Fields | null): void {
    this.copy.sendEnd(trailers);
    this.up.end(trailers);
  }

  reset(reason: Reset): void {
    // A client that has its answer and stops sending leaves an unfinished copy behind.
    this.copy.abandon(reason);
    this.up.reset(reason);
  }

  credit(n: number): void {
    this.up.credit(n);
  }
}
