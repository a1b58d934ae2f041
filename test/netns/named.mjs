// An application of the namespace tests that says who it is. HTTP on 8000: its name, what it was asked, and at /seen everything it was asked so far;
// /fail answers 503. With a certificate and its key: TLS on 8443, its name and the server name that it was asked for.
import fs from 'node:fs';
import http from 'node:http';
import tls from 'node:tls';

const [name, cert, key] = process.argv.slice(2);
const seen = [];
http.createServer((req, res) => {
  let body = '';
  req.setEncoding('latin1');
  req.on('data', (c) => { body += c; });
  req.on('end', () => {
    if (req.url === '/seen') {
      res.end(JSON.stringify(seen));
      return;
    }
    seen.push({ method: req.method, url: req.url, bytes: body.length });
    res.writeHead(req.url.startsWith('/fail') ? 503 : 200, { 'x-server': name });
    res.end(JSON.stringify({ name, url: req.url, headers: req.headers }));
  });
}).listen(8000, '0.0.0.0', () => {
  if (cert === undefined) console.log('serving');
  else tls.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, (s) => {
    s.on('error', () => {});
    s.end(`${name} ${s.servername}`);
  }).listen(8443, '0.0.0.0', () => console.log('serving'));
});
