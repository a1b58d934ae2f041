/** Both ends of a protocol whose server speaks first, as SMTP and MySQL are. `serve PORT…` greets; `visit HOST PORT N` prints how long N greetings took, ms, as JSON. */
import { once } from 'node:events';
import net from 'node:net';

const [what, ...args] = process.argv.slice(2);

async function visit(host: string, port: number): Promise<number> {
  const start = performance.now();
  const socket = net.connect({ host, port, noDelay: true });
  await once(socket, 'data');
  const took = performance.now() - start;
  socket.destroy();
  await once(socket, 'close');
  return took;
}

if (what === 'serve') {
  for (const port of args) net.createServer({ noDelay: true }, (s) => s.on('error', () => {}).end('220 ready\r\n')).listen(Number(port), '0.0.0.0');
} else {
  const times: number[] = [];
  for (let i = 0; i < Number(args[2]); i++) times.push(await visit(args[0]!, Number(args[1])));
  console.log(JSON.stringify(times));
}
