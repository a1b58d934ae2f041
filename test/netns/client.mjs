// The client of the namespace tests: `get URL` prints the body, `send URL JSON` sends a request with the method, headers and body of JSON and prints status,
// headers and body as JSON, `tls HOST PORT NAME` asks for NAME and prints what it hears, `tcp HOST PORT TEXT` says TEXT once greeted and prints what it hears.
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';

const [what, target, port, text] = process.argv.slice(2);
const fail = (e) => {
  console.log(String(e.message ?? e));
  process.exit(1);
};
setTimeout(() => fail('no answer within 10 s'), 10_000).unref();
if (what === 'get') {
  http.get(target, (res) => {
    res.pipe(process.stdout);
    res.on('end', () => { process.exitCode = res.statusCode === 200 ? 0 : 1; });
  }).on('error', fail);
} else if (what === 'send') {
  const { method = 'GET', headers = {}, body: sent = '' } = JSON.parse(port ?? '{}');
  http.request(target, { method, headers }, (res) => {
    let body = '';
    res.setEncoding('latin1');
    res.on('data', (c) => { body += c; });
    res.on('end', () => console.log(JSON.stringify({ status: res.statusCode, headers: res.headers, body })));
  }).on('error', fail).end(sent);
} else if (what === 'tls') {
  // Whose certificate it is, the name says that the server prints.
  const s = tls.connect({ host: target, port: Number(port), servername: text, rejectUnauthorized: false });
  s.on('error', fail);
  s.pipe(process.stdout);
} else {
  const s = net.connect(Number(port), target);
  s.once('data', (d) => {
    process.stdout.write(d);
    s.write(text);
    s.pipe(process.stdout);
  });
  s.on('error', fail);
}
