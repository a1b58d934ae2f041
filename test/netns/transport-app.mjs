// The application of the transport tests, on both families: HTTP on 8000, greetings of servers that speak first, an echo that outlives its client's FIN on
// 8002, a server that resets on 8003, TLS of its own on 8443 (key and certificate from the files named by argv).
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';

const [key, cert] = process.argv.slice(2).map((f) => fs.readFileSync(f));
/** As MySQL 8, OpenSSH, vsftpd and Postfix begin. */
const GREETINGS = {
  3306: Buffer.concat([Buffer.from([74, 0, 0, 0, 10]), Buffer.from('8.0.36\0'), Buffer.alloc(62, 1)]),
  2222: Buffer.from('SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n'),
  2121: Buffer.from('220 (vsFTPd 3.0.3)\r\n'),
  2525: Buffer.from('220 mail.test ESMTP Postfix\r\n'),
};
const tcp = (port, f) => net.createServer({ allowHalfOpen: true }, (s) => {
  s.on('error', () => {});
  f(s);
}).listen(port, '::');
http.createServer((req, res) => req.pipe(res.writeHead(200, { 'x-peer': req.socket.remoteAddress }))).listen(8000, '::');
for (const [port, greeting] of Object.entries(GREETINGS)) {
  tcp(Number(port), (s) => {
    s.write(greeting);
    s.once('data', (d) => s.end(`you said ${d}`));
  });
}
tcp(8002, (s) => {
  let n = 0;
  s.on('data', (d) => {
    n += d.length;
    s.write(d);
  });
  s.on('end', () => s.end(`\nthe end after ${n}`));
});
tcp(8003, (s) => s.once('data', () => s.resetAndDestroy()));
// Like Redis: the client speaks first, and it is not HTTP.
tcp(6380, (s) => s.on('data', (d) => s.write(d.toString().startsWith('*1\r\n$4\r\nPING') ? '+PONG\r\n' : '-ERR\r\n')));
tls.createServer({ key, cert }, (s) => s.end('own TLS')).listen(8443, '::', () => console.log('serving'));
