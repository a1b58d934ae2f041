import assert from 'node:assert/strict';
import { ResponseHead } from '../message/contract.ts';
import { FakeClient, FakeNext, get } from './fakes.testkit.ts';
import { via } from './via.ts';

describe('Via', () => {
  it('names the proxy and the version received, behind what others said, on requests and responses of every kind', () => {
    const next = new FakeNext();
    const client = new FakeClient();
    const head = get(['via', '1.0 fred']);
    head.version = 2;
    via('mesh')(next.service)(head, true, client);
    assert.deepEqual(next.last.head.fields, ['via', '1.0 fred', 'via', '2.0 mesh']);
    assert.deepEqual(head.fields, ['via', '1.0 fred'], 'a retry sends the head as it was');
    const early = new ResponseHead(103, []);
    next.last.answer.informational(early);
    assert.deepEqual(early.fields, ['via', '1.1 mesh']);
    const old = new ResponseHead(200, ['a', 'b']);
    old.version = 0;
    next.last.answer.head(old);
    assert.deepEqual(client.fields, ['a', 'b', 'via', '1.0 mesh']);
  });
});
