import type { Fields, Layer, RequestHead, ResponseHead, ResponseStream } from '../message/contract.ts';
import { derived } from '../message/shared.ts';
import { HeadMapper, withFields } from './headers.ts';

const RECEIVED = ['1.0', '1.1', '2.0'] as const;

/**
 * Says in Via that a message came this way and which HTTP it came in (RFC 9110 7.6.3), under the name of `pseudonym`, a token. Behind everything that others said.
 * Why it is not there by default: docs/adr/0022-via-only-when-asked.md.
 */
export function via(pseudonym: string): Layer {
  const adders = RECEIVED.map((version) => {
    const memo = new WeakMap<Fields, Fields>();
    const add = (fields: Fields): Fields => [...fields, 'via', `${version} ${pseudonym}`];
    return (fields: Fields): Fields => derived(memo, fields, add);
  });
  const told = ({ version, fields }: RequestHead | ResponseHead): Fields => adders[version]!(fields);
  return (next) => (head, ended, client) => next(withFields(head, told(head)), ended, new Told(client, told));
}

class Told extends HeadMapper {
  private readonly told: (head: ResponseHead) => Fields;

  constructor(to: ResponseStream, told: (head: ResponseHead) => Fields) {
    super(to);
    this.told = told;
  }

  override informational(h: ResponseHead): void {
    h.fields = this.told(h);
    super.informational(h);
  }

  protected override map(_fields: Fields, h: ResponseHead): Fields {
    return this.told(h);
  }
}
