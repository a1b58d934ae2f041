import { run, BenchError } from './children.ts';

/** Programs that the bench runs, and the Debian packages that have them. */
const TOOLS: Record<string, string> = {
  haproxy: 'haproxy', nginx: 'nginx-light', wrk: 'wrk', h2load: 'nghttp2-client', nghttpd: 'nghttp2-server', iperf3: 'iperf3', openssl: 'openssl', taskset: 'util-linux', setpriv: 'util-linux', ip: 'iproute2', iptables: 'iptables',
};

async function missing(): Promise<string[]> {
  const absent: string[] = [];
  for (const tool of Object.keys(TOOLS)) if ((await run(['sh', '-c', `command -v ${tool}`])).code !== 0) absent.push(tool);
  return absent;
}

/** Makes sure of every tool: installs what is missing as root on Debian, else throws and says how. */
export async function ensureTools(log: (line: string) => void): Promise<void> {
  const absent = await missing();
  if (absent.length === 0) return;
  const packages = [...new Set(absent.map((t) => TOOLS[t]!))];
  const debian = (await run(['sh', '-c', 'command -v apt-get'])).code === 0;
  if (!debian || process.getuid?.() !== 0) {
    throw new BenchError(`The bench needs ${absent.join(', ')}. On Debian or Ubuntu, as root: apt-get install ${packages.join(' ')}`);
  }
  log(`installing ${packages.join(' ')}`);
  const install = ['sh', '-c', `DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${packages.join(' ')}`];
  let r = await run(install);
  if (r.code !== 0) {
    await run(['apt-get', 'update']);
    r = await run(install);
  }
  const still = await missing();
  if (r.code !== 0 || still.length > 0) throw new BenchError(`apt-get could not install ${packages.join(' ')}:\n${r.stderr.trim().split('\n').slice(-5).join('\n')}`);
}
