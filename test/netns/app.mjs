// The application of the namespace tests: HTTP on 8000, a server that speaks first on 2525, both saying who called.
import http from 'node:http';
import net from 'node:net';

http.createServer((req, res) => {
  if (req.url === '/slow') setTimeout(() => res.end('slow but whole'), 700);
  else req.pipe(res.writeHead(200, { 'x-peer': req.socket.remoteAddress }));
}).listen(8000, '0.0.0.0');
net.createServer((s) => {
  s.on('error', () => {});
  s.write('220 ready\r\n');
  s.on('data', (d) => s.end(`you said ${d}`));
}).listen(2525, '0.0.0.0', () => console.log('serving'));
