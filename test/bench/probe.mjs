/**
 * Loaded into a proxy before its own code, for the bench alone: answers one command a line on the Unix socket BENCH_PROBE.
 * `resources` counts what keeps the process alive; `profile-start` and `profile-stop FILE` make a CPU profile.
 * Plain JavaScript: stripping types takes memory.
 */
import net from 'node:net';

const socketPath = process.env['BENCH_PROBE'];
let session = null;

async function answer(line) {
  const [command, file] = line.trim().split(' ');
  if (command === 'resources') {
    const counts = {};
    for (const name of process.getActiveResourcesInfo?.() ?? []) counts[name] = (counts[name] ?? 0) + 1;
    return counts;
  }
  if (command === 'profile-start') {
    const { Session } = await import('node:inspector');
    session = new Session();
    session.connect();
    session.post('Profiler.enable');
    session.post('Profiler.setSamplingInterval', { interval: 250 });
    return new Promise((resolve) => { session.post('Profiler.start', () => resolve(true)); });
  }
  if (command === 'profile-stop') {
    const { writeFileSync } = await import('node:fs');
    return new Promise((resolve, reject) => {
      session.post('Profiler.stop', (e, stopped) => {
        if (e !== null) reject(e);
        else {
          writeFileSync(file, JSON.stringify(stopped.profile));
          session.disconnect();
          resolve(true);
        }
      });
    });
  }
  throw new Error(`unknown command ${command}`);
}

if (socketPath !== undefined) {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (line) => {
      answer(line.toString()).then((value) => socket.end(JSON.stringify({ value })), (e) => socket.end(JSON.stringify({ error: String(e) })));
    });
  });
  server.listen(socketPath);
  server.unref();
}
