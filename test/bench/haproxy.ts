import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Background } from './children.ts';
import type { Pod } from './netns.ts';
import { UPSTREAM } from './upstream.ts';

/** Ports of the haproxy in the client's pod, by the protocol of the case. */
export const HAPROXY = { h1: 4150, h2: 4152 } as const;

/** One haproxy thread between the redirect and the upstream, keep-alive on both sides. */
export function startHaproxy(pod: Pod, server: Pod, dir: string, core: number): Background {
  const file = path.join(dir, 'haproxy.cfg');
  const side = (protocol: 'h1' | 'h2'): string => `
frontend ${protocol}
  bind :${HAPROXY[protocol]}
  default_backend ${protocol}
backend ${protocol}
  http-reuse always
  server s ${server.ip}:${UPSTREAM.direct[protocol]}${protocol === 'h2' ? ' proto h2' : ''}
`;
  writeFileSync(file, `global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
${side('h1')}${side('h2')}`);
  return new Background('haproxy', pod.in('taskset', '-c', String(core), 'haproxy', '-db', '-f', file));
}
