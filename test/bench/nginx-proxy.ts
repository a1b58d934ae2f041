import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Background } from './children.ts';
import type { Pod } from './netns.ts';
import { UPSTREAM } from './upstream.ts';

/** Port of the nginx in the client's pod. HTTP/1 only: it has no HTTP/2 towards servers but for gRPC one call a connection, and Debian's light build no streams of bytes. */
export const NGINX_PORT = 4170;

/** One nginx worker between the redirect and the upstream, keep-alive on both sides, bodies passed on as they come. */
export function startNginxProxy(pod: Pod, server: Pod, dir: string, core: number): Background {
  const file = path.join(dir, 'nginx-proxy.conf');
  writeFileSync(file, `daemon off; master_process off; worker_processes 1; pid ${dir}/nginx-proxy.pid; error_log ${dir}/nginx-proxy.log;
events { worker_connections 8192; }
http {
  access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s; client_max_body_size 0; client_body_buffer_size 64k; proxy_max_temp_file_size 0;
  client_body_temp_path ${dir}/np-body; proxy_temp_path ${dir}/np-proxy; fastcgi_temp_path ${dir}/np-fastcgi; uwsgi_temp_path ${dir}/np-uwsgi; scgi_temp_path ${dir}/np-scgi;
  upstream application { server ${server.ip}:${UPSTREAM.direct.h1}; keepalive 1024; keepalive_requests 1000000000; }
  server { listen ${NGINX_PORT}; location / { proxy_pass http://application; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; } }
}
`);
  return new Background('nginx as a proxy', pod.in('taskset', '-c', String(core), 'nginx', '-c', file));
}
