import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CASES, PATHS, SMALL, type Kind } from './cases.ts';
import { Background } from './children.ts';
import { grpcMessage } from './load.ts';
import type { Pod } from './netns.ts';

/** Ports of the application: reached directly, and through the server's inbound proxy. All in clear text. */
export const UPSTREAM: Record<'direct' | 'meshed', Record<Kind, number>> = {
  direct: { h1: 8080, h2: 8082, grpc: 8084, tcp: 8090, greet: 8092 },
  meshed: { h1: 9080, h2: 9082, grpc: 9084, tcp: 9090, greet: 9092 },
};

/** Both ends of the protocol whose server greets. */
export const GREETING = path.join(import.meta.dirname, 'greeting-app.ts');

/** Starts what answers in the server's pod: nginx (HTTP), nghttpd (gRPC: it can send trailers), iperf3 (raw TCP), and a server that greets. One thread each, on one core. */
export function startUpstreams(pod: Pod, dir: string, core: number): Background[] {
  const on = (name: string, ...argv: string[]): Background => new Background(name, pod.in('taskset', '-c', String(core), ...argv));
  const htdocs = path.join(dir, 'htdocs');
  const grpcFile = path.join(htdocs, PATHS.grpc);
  mkdirSync(path.dirname(grpcFile), { recursive: true });
  writeFileSync(grpcFile, grpcMessage(CASES.find((c) => c.kind === 'grpc')!.download));
  const bodies = CASES.filter((c) => c.kind === 'h1' && c.download !== SMALL);
  for (const c of bodies) writeFileSync(path.join(htdocs, c.path), Buffer.alloc(c.download, 'x'));
  const mime = path.join(dir, 'mime.types');
  writeFileSync(mime, 'application/grpc grpc\n');
  const nghttpd = (port: number): Background => on('nghttpd', 'nghttpd', '--no-tls', '-n1', '-d', htdocs, `--mime-types-file=${mime}`, '--trailer', 'grpc-status: 0', String(port));
  return [
    on('nginx', 'nginx', '-c', nginxConfig(dir, htdocs)),
    nghttpd(UPSTREAM.direct.grpc), nghttpd(UPSTREAM.meshed.grpc),
    on('the greeting server', process.execPath, GREETING, 'serve', String(UPSTREAM.direct.greet), String(UPSTREAM.meshed.greet)),
    on('iperf3', 'iperf3', '-s', '-p', String(UPSTREAM.direct.tcp)), on('iperf3', 'iperf3', '-s', '-p', String(UPSTREAM.meshed.tcp)),
  ];
}

function nginxConfig(dir: string, htdocs: string): string {
  const listen = [
    `listen ${UPSTREAM.direct.h1};`, `listen ${UPSTREAM.meshed.h1};`, `listen ${UPSTREAM.direct.h2} http2;`, `listen ${UPSTREAM.meshed.h2} http2;`,
  ].join(' ');
  const file = path.join(dir, 'nginx.conf');
  writeFileSync(file, `daemon off; master_process off; worker_processes 1; pid ${dir}/nginx.pid; error_log ${dir}/nginx.log;
events { worker_connections 8192; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s; http2_max_concurrent_streams 1024;
  sendfile on; open_file_cache max=10; client_body_buffer_size 64k; client_max_body_size 0;
  client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy; fastcgi_temp_path ${dir}/fastcgi; uwsgi_temp_path ${dir}/uwsgi; scgi_temp_path ${dir}/scgi;
  server { ${listen} default_type text/plain; root ${htdocs}; location = / { return 200 "${'x'.repeat(SMALL)}"; } }
}
`);
  return file;
}
