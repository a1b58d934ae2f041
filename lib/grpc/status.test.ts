import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { decodeMessage, encodeMessage, parseStatus, STATUS, statusName, statusOfHttp } from './status.ts';

describe('gRPC status', () => {
  it('has 17 codes, numbered by position', () => {
    assert.deepEqual(Object.values(STATUS), Array.from({ length: 17 }, (_, i) => i));
    assert.equal(statusName(14), 'UNAVAILABLE');
    assert.equal(statusName(17), 'UNKNOWN');
  });

  it('reads grpc-status strictly', () => {
    assert.equal(parseStatus('5'), STATUS.NOT_FOUND);
    for (const bad of [undefined, '', '05', '-1', '17', '1e1', ' 0', '999']) assert.equal(parseStatus(bad), STATUS.UNKNOWN, String(bad));
  });

  it('maps HTTP statuses', () => {
    assert.deepEqual([400, 401, 403, 404, 429, 500, 503].map((s) => statusName(statusOfHttp(s))),
      ['INTERNAL', 'UNAUTHENTICATED', 'PERMISSION_DENIED', 'UNIMPLEMENTED', 'UNAVAILABLE', 'UNKNOWN', 'UNAVAILABLE']);
  });

  it('grpc-message survives any text and is printable ASCII', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => {
      const encoded = encodeMessage(text);
      assert.match(encoded, /^[\x20-\x7e]*$/);
      assert.equal(decodeMessage(encoded), text.toWellFormed());
    }));
    assert.equal(encodeMessage('50% ünsafe\n'), '50%25 %C3%BCnsafe%0A');
  });

  it('bad escapes in grpc-message stay as they are', () => {
    assert.equal(decodeMessage('100% %zz %4'), '100% %zz %4');
    assert.equal(decodeMessage('%FF'), '\ufffd');
  });
});
