/**
 * Changes heads on their way. Field lists are shared by every exchange that looked alike, so changed ones are new; a request's head is copied too, since a retry sends
 * it again as it was.
 */
import { RequestHead, type ResponseHead, type Fields, type Layer, type ResponseStream } from '../message/contract.ts';
import type { Reset } from '../message/reset.ts';

/** Gateway API HTTPHeaderFilter, in the order that http_route.proto gives: add beside what there is, set in its place, remove. Flat pairs, lower case. */
export interface HeaderChange { add: Fields; set: Fields; remove: readonly string[] }

/** A copy of a request head with other fields, everything else as it was. */
export function withFields(h: RequestHead, fields: Fields): RequestHead {
  const copy = new RequestHead(h.method, h.scheme, h.authority, h.path, fields, h.contentLength);
  copy.upgrade = h.upgrade;
  copy.version = h.version;
  copy.absoluteForm = h.absoluteForm;
  copy.client = h.client;
  copy.fault = h.fault;
  copy.route = h.route;
  return copy;
}

export function without(fields: Fields, name: string): Fields {
  const out: string[] = [];
  for (let i = 0; i < fields.length; i += 2) if (fields[i] !== name) out.push(fields[i]!, fields[i + 1]!);
  return out;
}

export function changeFields(fields: Fields, { add, set, remove }: HeaderChange): Fields {
  const out: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!;
    if (!hasName(set, name) && !remove.includes(name)) out.push(name, fields[i + 1]!);
  }
  for (const list of [add, set]) {
    for (let i = 0; i < list.length; i += 2) {
      const name = list[i]!;
      if (!remove.includes(name) && (list === set || !hasName(set, name))) out.push(name, list[i + 1]!);
    }
  }
  return out;
}

function hasName(fields: Fields, name: string): boolean {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return true;
  return false;
}

/** Host is no field of the message model: setting it sets the authority. */
export function changeRequestHeaders(change: HeaderChange): Layer {
  const at = change.set.indexOf('host');
  const authority = at >= 0 && at % 2 === 0 ? change.set[at + 1]! : '';
  const rest: HeaderChange = { ...change, add: without(change.add, 'host'), set: without(change.set, 'host') };
  return (next) => (head, ended, client) => {
    const copy = withFields(head, changeFields(head.fields, rest));
    if (authority !== '') copy.authority = authority;
    return next(copy, ended, client);
  };
}

export function changeResponseHeaders(change: HeaderChange): Layer {
  return (next) => (head, ended, client) => next(head, ended, new Changed(client, change));
}

/** Passes a response through and changes its head, the very one that it is given: each is made for one answer, and no layer below keeps it. */
export abstract class HeadMapper implements ResponseStream {
  private readonly to: ResponseStream;
  constructor(to: ResponseStream) {
    this.to = to;
  }
  protected abstract map(fields: Fields, head: ResponseHead): Fields;
  informational(head: ResponseHead): void { this.to.informational(head); }
  head(h: ResponseHead): void {
    h.fields = this.map(h.fields, h);
    this.to.head(h);
  }
  data(buf: Buffer, start: number, end: number): void { this.to.data(buf, start, end); }
  end(trailers: Fields | null): void { this.to.end(trailers); }
  reset(reason: Reset): void { this.to.reset(reason); }
  credit(n: number): void { this.to.credit(n); }
}

class Changed extends HeadMapper {
  private readonly change: HeaderChange;
  constructor(to: ResponseStream, change: HeaderChange) {
    super(to);
    this.change = change;
  }
  protected override map(fields: Fields): Fields {
    return changeFields(fields, this.change);
  }
}
