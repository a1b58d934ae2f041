import { ReplayBuffer } from '../balance/replay.ts';
import type { ErrorCode } from '../errors.ts';
import type { Fields, RequestHead, RequestStream, ResponseHead, ResponseStream, Service } from '../message/contract.ts';
import type { Reset } from '../message/reset.ts';
import { OwnAnswer } from '../respond.ts';

/** One backend of a rule. */
export interface Choice {
  service: Service;
  /** an endpoint of it could take a request now, or that is not known yet */
  usable: () => boolean;
}

/** Answers of this proxy that say that no endpoint of the backend has processed the request. */
const UNPROCESSED: ReadonlySet<ErrorCode> = new Set(['FAIL_FAST', 'NO_ENDPOINTS', 'CONNECT', 'CONNECT_TIMEOUT', 'IDENTITY']);
const MAX_REPLAY = 64 * 1024;

/**
 * Sends a request to a backend and, when that turns out to have nobody who takes it, to another one: once to each, as long as the request is kept. A backend
 * that is known to be away is not chosen to begin with; this is for the requests that find it out.
 */
export function withFailover(choices: readonly Choice[], first: Choice, head: RequestHead, ended: boolean, client: ResponseStream): RequestStream {
  if (head.upgrade !== '' || head.method === 'CONNECT') return first.service(head, ended, client);
  const x = new Failover(choices, first, head, ended, client);
  x.begin(first);
  return x;
}

class Failover implements RequestStream {
  readonly client: ResponseStream;
  /** request bytes given back to the client, over all backends */
  credited = 0;
  private readonly choices: readonly Choice[];
  private readonly head: RequestHead;
  /** the request so far; null when it has no body */
  private readonly replay: ReplayBuffer | null;
  private committed = false;
  private readonly first: Choice;
  /** place of the last one that was looked at after the first */
  private at = -1;
  private answer: Answer | null = null;
  private up: RequestStream | null = null;
  private over = false;

  constructor(choices: readonly Choice[], first: Choice, head: RequestHead, ended: boolean, client: ResponseStream) {
    this.choices = choices;
    this.first = first;
    this.head = head;
    this.client = client;
    this.replay = ended ? null : new ReplayBuffer(MAX_REPLAY);
  }

  begin(choice: Choice): void {
    const answer = new Answer(this);
    this.answer = answer;
    this.up = null;
    const up = choice.service(this.head, this.replay === null, answer);
    // It may have been answered at once, and the request be on its way elsewhere.
    if (this.answer !== answer) return;
    this.up = up;
    if (!answer.begun) this.replay?.send(up);
  }

  /** The backend in use has nobody: true when the request goes to another one. */
  goOn(): boolean {
    if (this.over || this.committed || this.replay?.complete === false) return false;
    while (++this.at < this.choices.length) {
      const other = this.choices[this.at]!;
      if (other === this.first || !other.usable()) continue;
      this.begin(other);
      return true;
    }
    return false;
  }

  /** The answer is the client's: the request is not needed any more. */
  commit(): void {
    this.committed = true;
    this.replay?.drop();
  }

  data(buf: Buffer, start: number, end: number): void {
    this.replay?.data(buf, start, end, this.up === null);
    this.up?.data(buf, start, end);
  }

  end(trailers: Fields | null): void {
    this.replay?.end(trailers);
    this.up?.end(trailers);
  }

  reset(reason: Reset): void {
    this.over = true;
    this.up?.reset(reason);
  }

  credit(n: number): void {
    this.up?.credit(n);
  }
}

/** What one backend answers. */
class Answer implements ResponseStream {
  /** something of it has gone to the client */
  begun = false;
  private readonly owner: Failover;
  private dropped = false;
  private creditedNow = 0;

  constructor(owner: Failover) {
    this.owner = owner;
  }

  informational(head: ResponseHead): void {
    if (this.dropped) return;
    this.pass();
    this.owner.client.informational(head);
  }

  head(head: ResponseHead): void {
    if (this.dropped) return;
    if (!this.begun && head instanceof OwnAnswer && UNPROCESSED.has(head.code) && this.owner.goOn()) {
      this.dropped = true;
      return;
    }
    this.pass();
    this.owner.client.head(head);
  }

  private pass(): void {
    if (this.begun) return;
    this.begun = true;
    this.owner.commit();
  }

  data(buf: Buffer, start: number, end: number): void {
    if (!this.dropped) this.owner.client.data(buf, start, end);
  }

  end(trailers: Fields | null): void {
    if (!this.dropped) this.owner.client.end(trailers);
  }

  reset(reason: Reset): void {
    if (!this.dropped) this.owner.client.reset(reason);
  }

  credit(n: number): void {
    if (this.dropped) return;
    this.creditedNow += n;
    const more = this.creditedNow - this.owner.credited;
    if (more <= 0) return;
    this.owner.credited = this.creditedNow;
    this.owner.client.credit(more);
  }
}
