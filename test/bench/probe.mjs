/**
 * Loaded into a proxy before its own code, for the bench alone: answers one command a line on the Unix socket BENCH_PROBE.
 * `resources` counts what keeps the process alive; `cpu-start` and `cpu-stop FILE` make a CPU profile, `allocations-start` and
 * `allocations-stop FILE` a sampled one of all that is allocated.
 * Plain JavaScript: stripping types takes memory.
 */
import net from 'node:net';

const socketPath = process.env['BENCH_PROBE'];
let session = null;

async function open() {
  const { Session } = await import('node:inspector/promises');
  session = new Session();
  session.connect();
}

async function post(method, params) {
  return session.post(method, params);
}

/** Writes what the profiler has to a file. */
async function stop(method, file) {
  const { writeFileSync } = await import('node:fs');
  const { profile } = await post(method);
  writeFileSync(file, JSON.stringify(profile));
  session.disconnect();
  return true;
}

async function answer(line) {
  const [command, file] = line.trim().split(' ');
  if (command === 'resources') {
    const counts = {};
    for (const name of process.getActiveResourcesInfo?.() ?? []) counts[name] = (counts[name] ?? 0) + 1;
    return counts;
  }
  if (command === 'cpu-start') {
    await open();
    await post('Profiler.enable');
    await post('Profiler.setSamplingInterval', { interval: 250 });
    return post('Profiler.start');
  }
  if (command === 'cpu-stop') return stop('Profiler.stop', file);
  if (command === 'allocations-start') {
    await open();
    // What was allocated, not what is still there.
    return post('HeapProfiler.startSampling', { samplingInterval: 8192, includeObjectsCollectedByMajorGC: true, includeObjectsCollectedByMinorGC: true });
  }
  if (command === 'allocations-stop') return stop('HeapProfiler.stopSampling', file);
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
