// The client of the transport tests: prints one line of JSON. `greet HOST PORT TEXT`: milliseconds until the greeting, then says TEXT; `half HOST PORT TEXT`:
// sends TEXT and FIN at once and reads to the end; `idle HOST PORT`: sends one byte, gets it back, and stays until its input ends; `ask HOST PORT TEXT`: one
// answer; `pause HOST PORT N`: sends N bytes, reads none of their echo for 5 s, then all; `tls HOST PORT NAME`.
import net from 'node:net';
import tls from 'node:tls';

const [what, host, port, text = ''] = process.argv.slice(2);
const print = (v) => console.log(JSON.stringify(v));
const end = (v) => {
  print(v);
  process.exit(0);
};
if (what !== 'idle') setTimeout(() => end({ error: 'no answer within 10 s' }), 10_000).unref();
const at = performance.now();
const said = Buffer.from(JSON.parse(`"${text}"`), 'latin1');
if (what === 'tls') {
  const s = tls.connect({ host, port: Number(port), servername: text, rejectUnauthorized: false });
  s.on('error', (e) => end({ error: e.code }));
  s.on('data', (d) => end({ got: d.toString() }));
} else if (what === 'pause') {
  const s = net.connect({ host, port: Number(port), allowHalfOpen: true });
  s.on('error', (e) => end({ error: e.code }));
  const tail = '\nthe end after ' + text;
  let n = 0;
  s.end(Buffer.alloc(Number(text), 1));
  setTimeout(() => {
    s.on('data', (d) => { n += d.length; });
    s.on('end', () => end({ got: `${n - tail.length} bytes after a pause` }));
  }, 5_000);
} else {
  const s = net.connect({ host, port: Number(port), allowHalfOpen: true });
  s.on('error', (e) => end({ error: e.code }));
  let got = '';
  s.on('data', (d) => { got += d.toString('latin1'); });
  s.on('end', () => end({ got, ...(greeted >= 0 ? { greeted } : {}) }));
  let greeted = -1;
  if (what === 'half') s.end(said);
  if (what === 'ask' || what === 'idle') s.write(said);
  if (what === 'ask') s.once('data', (d) => end({ got: d.toString('latin1') }));
  if (what === 'idle') {
    s.once('data', () => print({ got }));
    process.stdin.resume().on('data', (d) => {
      got = '';
      s.write(d);
      s.once('data', (b) => end({ got: b.toString() }));
    });
  }
  if (what === 'greet') {
    s.once('data', () => {
      greeted = performance.now() - at;
      s.write(said);
    });
  }
}
