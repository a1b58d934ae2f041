/** Ambiguous messages: what servers have been known to read in two ways, with a second request hidden where the other reading would find it. */
export interface Case {
  name: string;
  bytes: string;
  /** what the origin has to have seen, as "METHOD target body"; the hidden request never */
  seen: string[];
  /** the proxy says no, with a counted reason */
  refused: boolean;
}

const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n';
const H = 'Host: a\r\n';
const refused = (name: string, bytes: string, ...seen: string[]): Case => ({ name, bytes, seen, refused: true });
const taken = (name: string, bytes: string, ...seen: string[]): Case => ({ name, bytes, seen, refused: false });
const post = (fields: string, body: string): string => `POST /p HTTP/1.1\r\n${H}${fields}\r\n${body}`;
const chunked = (body: string): string => post('Transfer-Encoding: chunked\r\n', body);
/** A chunked body of nothing, then the hidden request: what it is for whoever goes by Content-Length. */
const clte = `0\r\n\r\n${HIDDEN}`;

/** Every way of writing "chunked" that some parser takes and another does not. */
const OBFUSCATED = [
  'Transfer-Encoding: xchunked', 'Transfer-Encoding : chunked', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: x', 'Transfer-Encoding:\x0bchunked', 'Transfer-Encoding: chunked\x0b', 'Transfer-Encoding: "chunked"',
  "Transfer-Encoding: 'chunked'", 'Transfer-Encoding: identity', 'Transfer-Encoding: chunked, identity', 'Transfer-Encoding: identity, chunked', 'Transfer-Encoding: chunked, chunked', 'Transfer-Encoding: ,chunked',
  'Transfer-Encoding: chunked,', 'Transfer-Encoding: chunked;a=b', 'Transfer-Encoding:\r\n chunked', 'Transfer-Encoding: x\r\n chunked', ' Transfer-Encoding: chunked', 'X: y\rTransfer-Encoding: chunked', 'X: y\nTransfer-Encoding: chunked',
  'Transfer-Encoding\0: chunked', 'Transfer-Encoding: chunked\0', 'Transfer\x00-Encoding: chunked', 'Transfer-Encoding: \xa0chunked', 'Transfer-Encoding: chu\x6eked\x00', 'Transfer-Encoding\t: chunked',
];

export const HTTP1: Case[] = [
  // Length against coding, and lengths against one another.
  refused('Content-Length and Transfer-Encoding', post(`Content-Length: ${clte.length}\r\nTransfer-Encoding: chunked\r\n`, clte)),
  refused('Transfer-Encoding and Content-Length', post('Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', `5c\r\n${HIDDEN}`)),
  ...OBFUSCATED.flatMap((line) => [
    refused(`a length with ${JSON.stringify(line)}`, post(`Content-Length: ${clte.length}\r\n${line}\r\n`, clte)),
    refused(`no length with ${JSON.stringify(line)}`, post(`${line}\r\n`, clte)),
  ]),
  taken('chunked in capitals, with white space around', post('TRANSFER-ENCODING: \t CHUNKED \t\r\n', '3\r\nabc\r\n0\r\n\r\n'), 'POST /p abc'),
  taken('an underscore is another field', post(`Transfer_Encoding: chunked\r\nContent-Length: ${clte.length}\r\n`, clte), `POST /p ${clte}`),
  ...['3\r\nContent-Length: 3', '3\r\nContent-Length: 5', '3, 3', '3,5', '+3', '-3', '0x3', '3 3', '3.0', '3e0', '', '1_0', '\x0b3', '3\0', '"3"', '9007199254740993', '18446744073709551619'].map((v) =>
    refused(`Content-Length: ${JSON.stringify(v)}`, post(`Content-Length: ${v}\r\n`, `abc${HIDDEN}`))),
  refused('Content-Length before a colon with a space', post('Content-Length : 3\r\n', `abc${HIDDEN}`)),
  refused('Content-Length folded', post('Content-Length:\r\n 3\r\n', `abc${HIDDEN}`)),
  taken('leading zeros are digits', post('Content-Length: 003\r\n', 'abc'), 'POST /p abc'),
  taken('a body with GET, and what follows it', `GET /p HTTP/1.1\r\n${H}Content-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}GET /q HTTP/1.1\r\n${H}\r\n`, `GET /p ${HIDDEN}`, 'GET /q '),
  taken('Connection names Content-Length', post(`Connection: content-length\r\nContent-Length: ${HIDDEN.length}\r\n`, HIDDEN), `POST /p ${HIDDEN}`),
  taken('Connection names Transfer-Encoding', post('Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n', '3\r\nabc\r\n0\r\n\r\n'), 'POST /p abc'),
  refused('Transfer-Encoding from HTTP/1.0', `POST /p HTTP/1.0\r\n${H}Transfer-Encoding: chunked\r\n\r\n${clte}`),
  // Line ends and white space.
  refused('all lines end in LF', `GET /p HTTP/1.1\n${H.replace('\r', '')}\n${HIDDEN}`),
  refused('one line ends in LF', `GET /p HTTP/1.1\r\nX: y\n${H}\r\n${HIDDEN}`),
  refused('the empty line is LF', `GET /p HTTP/1.1\r\n${H}\n${HIDDEN}`),
  refused('CR inside a value', `GET /p HTTP/1.1\r\n${H}X: a\r${HIDDEN}`),
  refused('the empty line is CR', `GET /p HTTP/1.1\r\n${H}\r${HIDDEN}`),
  refused('obs-fold', `GET /p HTTP/1.1\r\n${H}X: a\r\n b\r\n\r\n${HIDDEN}`),
  refused('obs-fold of the request line', `GET /p HTTP/1.1\r\n X: a\r\n${H}\r\n${HIDDEN}`),
  refused('NUL in a name', `GET /p HTTP/1.1\r\n${H}X\0: a\r\n\r\n${HIDDEN}`),
  refused('NUL in a value', `GET /p HTTP/1.1\r\n${H}X: \0\r\n\r\n${HIDDEN}`),
  refused('a line without a colon', `GET /p HTTP/1.1\r\n${H}GET /hidden HTTP/1.1\r\n\r\n${HIDDEN}`),
  refused('an empty name', `GET /p HTTP/1.1\r\n${H}: x\r\n\r\n${HIDDEN}`),
  // The request line.
  refused('a space in the target', `GET /p q HTTP/1.1\r\n${H}\r\n${HIDDEN}`),
  refused('a tab for a space', `GET\t/p\tHTTP/1.1\r\n${H}\r\n${HIDDEN}`),
  refused('a request in the target', `GET /p\r\n${H}\r\n${HIDDEN}`),
  refused('two versions', `GET /p HTTP/1.1 HTTP/1.1\r\n${H}\r\n${HIDDEN}`),
  refused('HTTP/1.10', `GET /p HTTP/1.10\r\n${H}\r\n${HIDDEN}`),
  refused('HTTP/2.0', `GET /p HTTP/2.0\r\n${H}\r\n${HIDDEN}`),
  refused('a fragment', `GET /p#/hidden HTTP/1.1\r\n${H}\r\n`),
  // Who is meant.
  refused('two Hosts', `GET /p HTTP/1.1\r\n${H}Host: b\r\n\r\n${HIDDEN}`),
  refused('the same Host twice', `GET /p HTTP/1.1\r\n${H}${H}\r\n${HIDDEN}`),
  refused('no Host', `GET /p HTTP/1.1\r\n\r\n${HIDDEN}`),
  refused('a Host with a path', `GET /p HTTP/1.1\r\nHost: a/hidden\r\n\r\n${HIDDEN}`),
  refused('a Host with white space inside', `GET /p HTTP/1.1\r\nHost: a b\r\n\r\n${HIDDEN}`),
  refused('user information', `GET http://b@a/p HTTP/1.1\r\n${H}\r\n${HIDDEN}`),
  // Chunks.
  ...['+3', '-3', '0x3', ' 3', '3 ', '3\t', '3_', '\x0b3', '٣', '3\r', '3\n', '00000000000000003', '10000000000000003', 'ffffffffffffffff', '', '3;\x00', '3;a=b\n', '3;=b', '3;a="b'].map((size) =>
    refused(`a chunk of ${JSON.stringify(size)}`, chunked(`${size}\r\nabc\r\n0\r\n\r\n${HIDDEN}`))),
  refused('a chunk longer than it says', chunked(`2\r\nabc\r\n0\r\n\r\n${HIDDEN}`)),
  refused('a chunk shorter than it says', chunked(`4\r\nabc\r\n0\r\n\r\n${HIDDEN}`)),
  refused('a chunk that ends in LF', chunked(`3\r\nabc\n0\r\n\r\n${HIDDEN}`)),
  refused('the last chunk ends in LF', chunked(`3\r\nabc\r\n0\n\n${HIDDEN}`)),
  refused('no CRLF after the data', chunked(`3\r\nabc0\r\n\r\n${HIDDEN}`)),
  taken('an extension that looks like more', chunked(`3;a="${HIDDEN.replaceAll(/[\r\n"]/g, '')}"\r\nabc\r\n0\r\n\r\n`), 'POST /p abc'),
  taken('framing in the trailers', chunked(`3\r\nabc\r\n0\r\nContent-Length: 100\r\nHost: b\r\nTransfer-Encoding: x\r\n\r\nGET /q HTTP/1.1\r\n${H}\r\n`), 'POST /p abc', 'GET /q '),
  taken('zeros before the size, capitals', chunked('0003\r\nabc\r\n000\r\n\r\n'), 'POST /p abc'),
  // What is read by the first may be wrong only for the second.
  refused('a good request, then a bad one', `GET /p HTTP/1.1\r\n${H}\r\nGET /hidden HTTP/1.1\r\n${H} X: y\r\n\r\n`, 'GET /p '),
  taken('pipelined', `GET /p HTTP/1.1\r\n${H}\r\nGET /q HTTP/1.1\r\n${H}\r\n${chunked('1\r\nx\r\n0\r\n\r\n')}`, 'GET /p ', 'GET /q ', 'POST /p x'),
  taken('what follows the last request', `GET /p HTTP/1.1\r\n${H}Connection: close\r\n\r\n${HIDDEN}`, 'GET /p '),
  taken('an upgrade to h2c is none', `GET /p HTTP/1.1\r\n${H}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`, 'GET /p '),
];

/** One request over HTTP/2: fields in order, content, and what becomes of it. */
export interface Case2 { name: string; fields: [string, string][]; body: string; seen: string | null }

const PSEUDO: [string, string][] = [[':method', 'POST'], [':scheme', 'http'], [':path', '/p'], [':authority', 'a']];
const with2 = (name: string, extra: [string, string][], body = ''): Case2 => ({ name, fields: [...PSEUDO, ...extra], body, seen: null });
const replaced = (name: string, field: string, value: string): Case2 => ({ name, fields: PSEUDO.map(([n, v]) => [n, n === field ? value : v]), body: '', seen: null });

export const HTTP2: Case2[] = [
  { name: 'a plain request', fields: PSEUDO, body: 'abc', seen: 'POST /p abc' },
  { name: 'a length that is right', fields: [...PSEUDO, ['content-length', '3']], body: 'abc', seen: 'POST /p abc' },
  { name: 'content that is a request', fields: PSEUDO, body: HIDDEN, seen: `POST /p ${HIDDEN}` },
  with2('a length shorter than the content', [['content-length', '3']], `abc${HIDDEN}`),
  with2('a length longer than the content', [['content-length', '300']], 'abc'),
  with2('a length of none', [['content-length', '0']], HIDDEN),
  with2('two lengths', [['content-length', '3'], ['content-length', '3']], 'abc'),
  with2('a length that is no number', [['content-length', '3, 3']], 'abc'),
  with2('transfer-encoding', [['transfer-encoding', 'chunked']], clte),
  with2('transfer-encoding and a length', [['transfer-encoding', 'chunked'], ['content-length', String(clte.length)]], clte),
  with2('connection', [['connection', 'close']]),
  with2('keep-alive', [['keep-alive', 'timeout=1']]),
  with2('proxy-connection', [['proxy-connection', 'x']]),
  with2('upgrade', [['upgrade', 'h2c']]),
  with2('te: chunked', [['te', 'chunked']]),
  with2('a name in capitals', [['Transfer-Encoding', 'chunked']], clte),
  with2('a name with a colon', [['transfer-encoding: chunked\r\nx', 'y']], clte),
  with2('a name with a space', [['transfer-encoding ', 'chunked']], clte),
  with2('an empty name', [['', 'x']]),
  with2('CRLF in a value', [['x', `y\r\n\r\n${HIDDEN}`]]),
  with2('LF in a value', [['x', 'y\nTransfer-Encoding: chunked']], clte),
  with2('CR in a value', [['x', 'y\rz']]),
  with2('NUL in a value', [['x', 'y\0z']]),
  with2('a host that is not the authority', [['host', 'b']]),
  with2('two hosts', [['host', 'a'], ['host', 'a']]),
  with2('a pseudo-header field again', [[':path', '/hidden']]),
  with2('a pseudo-header field that is none', [[':x', 'y']]),
  with2('a status', [[':status', '200']]),
  replaced('a path with a space', ':path', '/p HTTP/1.1\r\nHost: a\r\n\r\nGET /hidden'),
  replaced('a path with a tab', ':path', '/p\tHTTP/1.1'),
  replaced('a path that is a URL', ':path', 'http://b/hidden'),
  replaced('an empty path', ':path', ''),
  replaced('an asterisk', ':path', '*'),
  replaced('a method with a space', ':method', 'GET /hidden HTTP/1.1\r\nX:'),
  replaced('an empty method', ':method', ''),
  replaced('a scheme with more', ':scheme', 'http://b/hidden?'),
  replaced('an authority with CRLF', ':authority', `a\r\n\r\n${HIDDEN}`),
  replaced('an authority with a path', ':authority', 'a/hidden'),
  replaced('an authority with user information', ':authority', 'b@a'),
  { name: 'a pseudo-header field after others', fields: [[':method', 'POST'], [':scheme', 'http'], [':authority', 'a'], ['x', 'y'], [':path', '/hidden']], body: '', seen: null },
  { name: 'a path left out', fields: [[':method', 'POST'], [':scheme', 'http'], [':authority', 'a']], body: '', seen: null },
];
