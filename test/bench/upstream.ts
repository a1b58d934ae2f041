import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Background } from './children.ts';
import type { Pod } from './netns.ts';

/** Ports of the upstream: reached directly, and through the server's inbound proxy. HTTP/1 and HTTP/2 in clear text. */
export const UPSTREAM = { direct: { h1: 8080, h2: 8082 }, meshed: { h1: 9080, h2: 9082 } } as const;

const BODY = 'x'.repeat(69);

/** nginx with one worker that answers everything with 69 bytes. */
export function startNginx(pod: Pod, dir: string, core: number): Background {
  const listen = [
    `listen ${UPSTREAM.direct.h1};`, `listen ${UPSTREAM.meshed.h1};`, `listen ${UPSTREAM.direct.h2} http2;`, `listen ${UPSTREAM.meshed.h2} http2;`,
  ].join(' ');
  const file = path.join(dir, 'nginx.conf');
  writeFileSync(file, `daemon off; master_process off; worker_processes 1; pid ${dir}/nginx.pid; error_log ${dir}/nginx.log;
events { worker_connections 8192; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s; http2_max_concurrent_streams 1024;
  client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy; fastcgi_temp_path ${dir}/fastcgi; uwsgi_temp_path ${dir}/uwsgi; scgi_temp_path ${dir}/scgi;
  server { ${listen} default_type text/plain; location / { return 200 "${BODY}"; } }
}
`);
  return new Background('nginx', pod.in('taskset', '-c', String(core), 'nginx', '-c', file));
}
