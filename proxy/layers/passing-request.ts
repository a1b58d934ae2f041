import type { Fields, RequestStream } from '../message/contract.ts';
import type { Reset } from '../message/reset.ts';

/** A request that passes a layer by unseen, but for its reset: that ends the exchange for whoever looks at the answer too. */
export class PassingRequest implements RequestStream {
  private readonly answer: { record(error: string): void };
  private readonly up: RequestStream;

  constructor(answer: { record(error: string): void }, up: RequestStream) {
    this.answer = answer;
    this.up = up;
  }

  data(buf: Buffer, start: number, end: number): void { this.up.data(buf, start, end); }
  end(trailers: Fields | null): void { this.up.end(trailers); }
  credit(n: number): void { this.up.credit(n); }

  reset(reason: Reset): void {
    this.answer.record(reason.label);
    this.up.reset(reason);
  }
}
