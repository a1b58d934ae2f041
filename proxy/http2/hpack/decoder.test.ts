import assert from 'node:assert/strict';
import { responseHead } from '../heads.ts';
import { Decoder } from './decoder.ts';

/** Fields as a flat list, pseudo-header fields first. */
function decode(decoder: Decoder, hex: string): string[] {
  const bytes = Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');
  // Not at the start of its buffer, as on a connection.
  const buf = Buffer.concat([Buffer.from('zz'), bytes, Buffer.from('zz')]);
  const b = decoder.decode(buf, 2, 2 + bytes.length);
  assert.equal(b.malformed, '');
  const list: string[] = [];
  if (b.method !== '') list.push(':method', b.method, ':scheme', b.scheme, ':path', b.path, ':authority', b.authority);
  if (b.status !== 0) list.push(':status', String(b.status));
  return [...list, ...b.fields];
}

const fails = (hex: string, message: RegExp): void => {
  const bytes = Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');
  assert.throws(() => new Decoder(65536).decode(bytes, 0, bytes.length), message);
};

const REQUEST = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com'];
const THIRD = [':method', 'GET', ':scheme', 'https', ':path', '/index.html', ':authority', 'www.example.com', 'custom-key', 'custom-value'];
const DATE = 'Mon, 21 Oct 2013 20:13:21 GMT';
const SITE = 'https://www.example.com';

describe('hpack: decoder', () => {
  it('decodes RFC 7541 C.2', () => {
    assert.deepEqual(decode(new Decoder(65536), '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572'), ['custom-key', 'custom-header']);
    assert.equal(new Decoder(65536).decode(Buffer.from('040c2f73616d706c652f70617468', 'hex'), 0, 14).path, '/sample/path');
    assert.deepEqual(decode(new Decoder(65536), '1008 7061 7373 776f 7264 0673 6563 7265 74'), ['password', 'secret']);
    assert.equal(new Decoder(65536).decode(Buffer.from('82', 'hex'), 0, 1).method, 'GET');
  });

  it('decodes RFC 7541 C.3: requests without Huffman', () => {
    const d = new Decoder(65536);
    assert.deepEqual(decode(d, '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d'), REQUEST);
    assert.deepEqual(decode(d, '8286 84be 5808 6e6f 2d63 6163 6865'), [...REQUEST, 'cache-control', 'no-cache']);
    assert.deepEqual(decode(d, '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65'), THIRD);
  });

  it('decodes RFC 7541 C.4: requests with Huffman', () => {
    const d = new Decoder(65536);
    assert.deepEqual(decode(d, '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff'), REQUEST);
    assert.deepEqual(decode(d, '8286 84be 5886 a8eb 1064 9cbf'), [...REQUEST, 'cache-control', 'no-cache']);
    assert.deepEqual(decode(d, '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf'), THIRD);
  });

  for (const [name, blocks] of [
    ['C.5: responses without Huffman', [
      '3fe1 0148 0333 3032 5807 7072 6976 6174 6561 1d4d 6f6e 2c20 3231 204f 6374 2032 3031 3320 3230 3a31 333a 3231 2047 4d54 6e17 6874 7470 733a 2f2f 7777 772e 6578 616d 706c 652e 636f 6d',
      '4803 3330 37c1 c0bf',
      `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31`,
    ]],
    ['C.6: responses with Huffman', [
      '3fe1 0148 8264 0258 85ae c377 1a4b 6196 d07a be94 1054 d444 a820 0595 040b 8166 e082 a62d 1bff 6e91 9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3',
      '4883 640e ffc1 c0bf',
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
    ]],
  ] as const) {
    // The RFC's example has a table of 256 octets, which a size update at the start of the first block sets here.
    it(`decodes RFC 7541 ${name}, with eviction`, () => {
      const d = new Decoder(65536);
      const common = ['cache-control', 'private', 'date', DATE, 'location', SITE];
      assert.deepEqual(decode(d, blocks[0]), [':status', '302', ...common]);
      assert.deepEqual(decode(d, blocks[1]), [':status', '307', ...common]);
      assert.deepEqual(decode(d, blocks[2]), [
        ':status', '200', 'cache-control', 'private', 'date', DATE.replace(':21 ', ':22 '), 'location', SITE, 'content-encoding', 'gzip',
        'set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
      ]);
    });
  }

  it('refuses what RFC 7541 forbids', () => {
    fails('80', /index 0/);
    fails('be', /beyond the dynamic table/);
    fails('ffffffffffffff', /too large/);
    fails('ff', /truncated/);
    fails('40', /truncated/);
    fails('4005 6161', /beyond the block/);
    fails('3fe21f', /size over the limit/);
    fails('8220', /size update after a field/);
    fails('0001 78 81 1e', /padded/);
    fails('0001 78 84 ffffffff', /EOS/);
    fails('0001 78 82 1fff', /padded/);
    fails('0001 78 81 00', /padded/);
  });

  it('gives the same from its cache as without', () => {
    const d = new Decoder(65536);
    decode(d, '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65');
    for (let i = 0; i < 5; i++) {
      // Indexed only, path as a literal of its own
      assert.deepEqual(decode(d, `82 86 04 02 2f6${i} bf be`), [':method', 'GET', ':scheme', 'http', ':path', `/${String.fromCharCode(0x60 + i)}`, ':authority', 'www.example.com', 'custom-key', 'custom-value']);
    }
    // Inserts the same each time: later references must find all of them.
    for (let i = 0; i < 5; i++) assert.deepEqual(decode(d, '88 58 01 61 40 01 62 01 63'), [':status', '200', 'cache-control', 'a', 'b', 'c']);
    assert.deepEqual(decode(d, '88 be bf c0 c1 c6'), [':status', '200', 'b', 'c', 'cache-control', 'a', 'b', 'c', 'cache-control', 'a', 'b', 'c']);
    // A reference that now means something else.
    assert.deepEqual(decode(d, '88 40 01 78 01 79'), [':status', '200', 'x', 'y']);
    for (let i = 0; i < 4; i++) {
      assert.deepEqual(decode(d, '88 be'), [':status', '200', i === 0 ? 'x' : `n${i - 1}`, i === 0 ? 'y' : 'v']);
      assert.deepEqual(decode(d, `88 40 02 6e3${i} 01 76`), [':status', '200', `n${i}`, 'v']);
    }
  });

  it('does not share what one connection refers to with another', () => {
    const one = new Decoder(65536);
    const two = new Decoder(65536);
    decode(one, '88 40 01 61 01 62');
    decode(two, '88 40 01 61 01 63');
    for (let i = 0; i < 4; i++) {
      assert.deepEqual(decode(one, '88 be'), [':status', '200', 'a', 'b']);
      assert.deepEqual(decode(two, '88 be'), [':status', '200', 'a', 'c']);
    }
  });

  it('gives the same list to every message that looked alike, and no other message changes it', () => {
    const d = new Decoder(65536);
    const alike = Buffer.from('880001610162', 'hex');
    const other = Buffer.from('880001610163', 'hex');
    for (let i = 0; i < 4; i++) {
      const { fields } = d.decode(alike, 0, alike.length);
      assert.deepEqual(d.decode(other, 0, other.length).fields, ['a', 'c']);
      assert.deepEqual(fields, ['a', 'b']);
    }
  });

  it('adds a response\'s host field to a list of its own, each time once', () => {
    const d = new Decoder(65536);
    const bytes = Buffer.concat([Buffer.from('880001610162', 'hex'), Buffer.from('0004', 'hex'), Buffer.from('host'), Buffer.from('0168', 'hex')]);
    for (let i = 0; i < 4; i++) assert.deepEqual(responseHead(d.decode(bytes, 0, bytes.length))?.fields, ['a', 'b', 'host', 'h']);
  });

  it('stops keeping fields at the limit, and goes on decoding', () => {
    const d = new Decoder(200);
    // One entry of 100 octets, referred to 1000 times: what an HPACK bomb is.
    const bomb = Buffer.concat([Buffer.from('88', 'hex'), Buffer.from('40016163', 'hex'), Buffer.alloc(99, 0x62), Buffer.alloc(1000, 0xbe)]);
    const b = d.decode(bomb, 0, bomb.length);
    assert.ok(b.tooLarge);
    assert.equal(b.fields.length, 2);
    assert.deepEqual(decode(d, '88 be'), [':status', '200', 'a', 'b'.repeat(99)]);
  });

  for (const [what, hex] of [
    ['an upper-case name', '00 01 41 01 61'], ['an empty name', '00 00 01 61'], ['a space in a name', '00 02 6120 01 61'],
    ['a colon within a name', '00 03 613a62 01 61'], ['CR in a value', '00 01 61 03 620d63'], ['LF in a value', '00 01 61 03 620a63'], ['NUL in a value', '00 01 61 01 00'],
    ['a leading space', '00 01 61 02 2061'], ['a trailing tab', '00 01 61 02 6109'], ['connection', '00 0a 636f6e6e656374696f6e 05 636c6f7365'],
    ['te: gzip', '00 02 7465 04 677a6970'], ['a pseudo-header field after a field', '00 01 61 01 61 82'], ['an unknown pseudo-header field', '00 02 3a61 01 61'],
    ['a repeated pseudo-header field', '82 82'], ['a path that is not absolute', '04 01 61'], ['an empty path', '04 00'], ['a space in a path', '04 03 2f2061'], ['userinfo in :authority', '01 03 614062'],
    ['an empty :authority', '81'], ['a status of two digits', '08 02 3939'], ['a repeated content-length', '0f0d 01 31 0f0d 01 31'], ['content-length with a sign', '0f0d 02 2b31'],
    ['content-length in hexadecimal', '0f0d 03 307831'], ['a repeated host', '0f17 01 61 0f17 01 61'], ['transfer-encoding', '0f2a 07 6368756e6b6564'],
  ] as const) {
    it(`finds malformed: ${what}`, () => {
      const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
      const d = new Decoder(65536);
      for (let i = 0; i < 3; i++) assert.notEqual(d.decode(bytes, 0, bytes.length).malformed, '');
    });
  }

  it('accepts te: trailers, joins cookies, takes host and content-length out of the fields', () => {
    const bytes = Buffer.from('82 86 84 00 02 7465 08 747261696c657273 0f11 03 613d31 0f11 03 623d32 0f17 01 68 0f0d 03 313233'.replaceAll(' ', ''), 'hex');
    const b = new Decoder(65536).decode(bytes, 0, bytes.length);
    assert.equal(b.malformed, '');
    assert.deepEqual(b.fields, ['te', 'trailers', 'cookie', 'a=1; b=2']);
    assert.equal(b.host, 'h');
    assert.equal(b.contentLength, 123);
  });
});
