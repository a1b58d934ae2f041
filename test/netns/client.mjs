// The client of the namespace tests: `get URL` prints the body, `tcp HOST PORT TEXT` says TEXT once greeted and prints what it hears.
import http from 'node:http';
import net from 'node:net';

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
} else {
  const s = net.connect(Number(port), target);
  s.once('data', (d) => {
    process.stdout.write(d);
    s.write(text);
    s.pipe(process.stdout);
  });
  s.on('error', fail);
}
