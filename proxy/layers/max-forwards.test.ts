import assert from 'node:assert/strict';
import { RequestHead, type Fields } from '../message/contract.ts';
import { RESET } from '../message/reset.ts';
import { FakeClient, FakeNext } from './fakes.testkit.ts';
import { limitHops } from './max-forwards.ts';

describe('Max-Forwards', () => {
  const send = (method: string, fields: Fields, ended = true): { next: FakeNext; client: FakeClient } => {
    const next = new FakeNext();
    const client = new FakeClient();
    limitHops(next.service, new RequestHead(method, 'http', 'shop', '/a?b', fields), ended, client);
    return { next, client };
  };

  it('is one less on the next hop, for TRACE and OPTIONS alone', () => {
    assert.deepEqual(send('TRACE', ['a', 'b', 'max-forwards', '7']).next.last.head.fields, ['a', 'b', 'max-forwards', '6']);
    assert.deepEqual(send('OPTIONS', ['max-forwards', '1']).next.last.head.fields, ['max-forwards', '0']);
    assert.deepEqual(send('OPTIONS', ['max-forwards', '9'.repeat(30)]).next.last.head.fields, ['max-forwards', '999999999']);
    const get = ['max-forwards', '0'];
    assert.equal(send('GET', get).next.last.head.fields, get);
  });

  it('is passed on as it is where it is no number, or is not there', () => {
    for (const fields of [['max-forwards', '-1'], ['max-forwards', ''], ['a', 'b']]) assert.equal(send('OPTIONS', fields).next.last.head.fields, fields);
  });

  it('of 0 ends OPTIONS here, with the rest of its body not wanted', () => {
    const { next, client } = send('OPTIONS', ['max-forwards', '0'], false);
    assert.deepEqual([next.calls.length, client.status, client.ended, client.resets], [0, 200, true, [RESET.noError]]);
  });

  it('of 0 has TRACE answered with what came here, secrets left out', () => {
    const { next, client } = send('TRACE', ['max-forwards', '0', 'cookie', 's', 'authorization', 's', 'x-api-key', 's', 'x', 'y']);
    assert.deepEqual([next.calls.length, client.status, client.fields], [0, 200, ['content-type', 'message/http']]);
    assert.equal(client.body, 'TRACE /a?b HTTP/1.1\r\nhost: shop\r\nmax-forwards: 0\r\nx: y\r\n\r\n');
  });
});
