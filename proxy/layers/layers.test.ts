import assert from 'node:assert/strict';
import { ManualClock } from '../../lib/clock.ts';
import { field, RequestHead, ResponseHead, type Fields, type RequestStream, type ResponseStream, type Service } from '../message/contract.ts';
import { RESET, type Reset } from '../message/reset.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { clientAddr } from '../accept/addr.ts';
import { accessLog } from './access-log.ts';
import { clientIdentity } from './client-identity.ts';
import { measure } from './measure.ts';
import { downgradeHttp1, ORIG_PROTO, upgradeHttp1 } from './orig-proto.ts';

/** The next layer: keeps what it was called with. */
class Next {
  head: RequestHead | null = null;
  answer!: ResponseStream;
  resets: Reset[] = [];
  readonly service: Service = (head, _ended, client): RequestStream => {
    this.head = head;
    this.answer = client;
    return { data() {}, end() {}, credit() {}, reset: (r) => { this.resets.push(r); } };
  };
}

class Client implements ResponseStream {
  status = 0;
  fields: Fields = [];
  ended = false;
  informational(): void {}
  head(h: ResponseHead): void { this.status = h.status; this.fields = h.fields; }
  data(): void {}
  end(): void { this.ended = true; }
  reset(): void {}
  credit(): void {}
}

function request(version: 0 | 1 | 2, fields: Fields = []): RequestHead {
  const h = new RequestHead('GET', 'http', 'shop', '/', fields);
  h.version = version;
  return h;
}

describe('HTTP/1 carried over HTTP/2', () => {
  it('is marked on the way out and unmarked on the way back', () => {
    const next = new Next();
    const client = new Client();
    const head = request(1, ['a', 'b']);
    upgradeHttp1('10.0.0.1:80')(next.service)(head, true, client);
    assert.deepEqual(next.head!.fields, ['a', 'b', 'host', 'shop', ORIG_PROTO, 'HTTP/1.1'], 'linkerd2-proxy makes no Host out of :authority');
    assert.deepEqual(head.fields, ['a', 'b'], 'heads are never changed in place');
    next.answer.head(new ResponseHead(200, ['c', 'd', ORIG_PROTO, 'HTTP/1.1', 'l5d-proxy-connection', 'close']));
    assert.deepEqual(client.fields, ['c', 'd']);
  });

  it('has an authority even where HTTP/1.0 named none', () => {
    const next = new Next();
    upgradeHttp1('10.0.0.1:80')(next.service)(Object.assign(request(0), { authority: '' }), true, new Client());
    assert.equal(next.head!.authority, '10.0.0.1:80');
    assert.deepEqual(next.head!.fields, [ORIG_PROTO, 'HTTP/1.0']);
  });

  it('is left alone when it is HTTP/2 already, or becomes a tunnel', () => {
    for (const head of [request(2), Object.assign(request(1), { upgrade: 'websocket' }), Object.assign(request(1), { method: 'CONNECT' })]) {
      const next = new Next();
      upgradeHttp1('10.0.0.1:80')(next.service)(head, true, new Client());
      assert.equal(next.head, head);
    }
  });

  it('is HTTP/1 again for the application', () => {
    for (const [mark, version, absolute] of [['HTTP/1.1', 1, false], ['HTTP/1.0; absolute-form', 0, true]] as const) {
      const next = new Next();
      const client = new Client();
      downgradeHttp1(true)(next.service)(request(2, ['x', 'y', ORIG_PROTO, mark]), true, client);
      assert.deepEqual([next.head!.version, next.head!.absoluteForm, next.head!.fields], [version, absolute, ['x', 'y']]);
      next.answer.head(new ResponseHead(200, []));
      assert.equal(field(client.fields, ORIG_PROTO), 'HTTP/1.1');
    }
  });

  it('is not believed from outside the mesh', () => {
    const next = new Next();
    downgradeHttp1(false)(next.service)(request(2, [ORIG_PROTO, 'HTTP/1.1']), true, new Client());
    assert.deepEqual([next.head!.version, next.head!.fields], [2, []]);
  });
});

describe('measure', () => {
  function setup(): { next: Next; call: (head?: RequestHead) => RequestStream; clock: ManualClock; text: () => string } {
    const metrics = createMetrics();
    const clock = new ManualClock();
    const next = new Next();
    const service = measure({ metrics, clock, labels: { direction: 'inbound' } })(next.service);
    return { next, clock, call: (head = request(1)) => service(head, true, new Client()), text: () => metrics.registry.expose() };
  }

  it('counts a response by status and class, with its latency', () => {
    const t = setup();
    t.call();
    t.clock.advance(7);
    t.next.answer.head(new ResponseHead(200, []));
    t.next.answer.end(null);
    assert.match(t.text(), /request_total\{direction="inbound",authority="shop"\} 1/);
    assert.match(t.text(), /response_total\{direction="inbound",authority="shop",status_code="200",classification="success"\} 1/);
    assert.match(t.text(), /response_latency_ms_bucket\{direction="inbound",authority="shop",status_code="200",le="5"\} 0\n.*le="10"\} 1/);
  });

  it('takes the gRPC status from head or trailers', () => {
    const t = setup();
    t.call(request(2));
    t.next.answer.head(new ResponseHead(200, []));
    t.next.answer.end(['grpc-status', '14']);
    assert.match(t.text(), /status_code="200",classification="failure",grpc_status="14"\} 1/);
    t.call(request(2));
    t.next.answer.head(new ResponseHead(200, ['grpc-status', '5']));
    t.next.answer.end(null);
    assert.match(t.text(), /classification="success",grpc_status="5"\} 1/);
  });

  it('counts resets from either side once, and refused ones not at all', () => {
    const t = setup();
    const up = t.call();
    up.reset(RESET.cancel);
    t.next.answer.reset(RESET.cancel);
    assert.deepEqual(t.next.resets, [RESET.cancel]);
    assert.match(t.text(), /status_code="",classification="failure",error="CANCEL"\} 1/);
    t.call();
    t.next.answer.reset(RESET.refused);
    assert.doesNotMatch(t.text(), /REFUSED/);
  });

  it('bounds the authorities that it keeps series for', () => {
    const t = setup();
    for (let i = 0; i < 300; i++) t.call(new RequestHead('GET', 'http', `h${i}`, '/', []));
    assert.equal(t.text().split('\n').filter((l) => l.startsWith('request_total')).length, 101);
    assert.match(t.text(), /authority="\(other\)"\} 200/);
  });
});

describe('access log', () => {
  const lines = (format: 'apache' | 'json', path: string): string => {
    const clock = new ManualClock(1_700_000_000_000);
    const next = new Next();
    let out = '';
    const service = accessLog({ format, clock, write: (l) => { out += l; }, client: clientAddr('10.0.0.9', 4711), clientId: 'web.shop' })(next.service);
    const up = service(new RequestHead('POST', 'http', 'shop', path, ['user-agent', 'x', 'traceparent', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`]), false, new Client());
    up.data(Buffer.from('body'), 0, 4);
    clock.advance(5);
    next.answer.head(new ResponseHead(201, []));
    next.answer.data(Buffer.from('hello'), 0, 5);
    clock.advance(2);
    next.answer.end(null);
    up.reset(RESET.cancel);
    return out;
  };

  it('writes one apache line, whose quotes the client cannot end', () => {
    assert.equal(lines('apache', '/a"b'), '10.0.0.9:4711 web.shop - [2023-11-14T22:13:20.000Z] "POST /a%22b HTTP/1.1" 201\n');
  });

  it('writes one JSON object', () => {
    assert.deepEqual(JSON.parse(lines('json', '/a')), {
      'client.addr': '10.0.0.9:4711', 'client.id': 'web.shop', host: 'shop', method: 'POST', uri: '/a', version: 'HTTP/1.1', status: 201, processing_ns: '5000000', total_ns: '7000000',
      request_bytes: '4', response_bytes: '5', timestamp: '2023-11-14T22:13:20.000Z', trace_id: 'a'.repeat(32), user_agent: 'x',
    });
  });
});

describe('the identity header', () => {
  const fieldsBehind = (id: string, fields: Fields): Fields => {
    const next = new Next();
    clientIdentity(id)(next.service)(request(1, fields), true, new Client());
    return next.head!.fields;
  };

  it('names the verified client, once', () => {
    assert.deepEqual(fieldsBehind('web.ns.id', ['a', 'b']), ['a', 'b', 'l5d-client-id', 'web.ns.id']);
    assert.deepEqual(fieldsBehind('web.ns.id', ['l5d-client-id', 'root', 'a', 'b', 'l5d-client-id', 'other']), ['a', 'b', 'l5d-client-id', 'web.ns.id']);
  });

  it('cannot be forged from outside the mesh', () => {
    assert.deepEqual(fieldsBehind('', ['l5d-client-id', 'root', 'a', 'b']), ['a', 'b']);
  });
});
