import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Kind } from './cases.ts';
import { Background } from './children.ts';
import type { Pod } from './netns.ts';
import { UPSTREAM } from './upstream.ts';

/** Ports of the haproxy in the client's pod. */
export const HAPROXY: Record<Kind, number> = { h1: 4150, h2: 4152, grpc: 4154, tcp: 4156, greet: 4158 };

/** One haproxy thread between the redirect and the upstream, keep-alive on both sides. */
export function startHaproxy(pod: Pod, server: Pod, dir: string, core: number): Background {
  const file = path.join(dir, 'haproxy.cfg');
  const http2 = (kind: Kind): boolean => kind === 'h2' || kind === 'grpc';
  const stream = (kind: Kind): boolean => kind === 'tcp' || kind === 'greet';
  const side = (kind: Kind): string => `
frontend ${kind}
  ${stream(kind) ? 'mode tcp' : 'mode http'}
  bind :${HAPROXY[kind]}${http2(kind) ? ' proto h2' : ''}
  default_backend ${kind}
backend ${kind}
  ${stream(kind) ? 'mode tcp' : 'mode http\n  http-reuse always'}
  server s ${server.ip}:${UPSTREAM.direct[kind]}${http2(kind) ? ' proto h2' : ''}
`;
  writeFileSync(file, `global
  nbthread 1
  maxconn 8192
defaults
  timeout connect 5s
  timeout client 60s
  timeout server 60s
${(Object.keys(HAPROXY) as Kind[]).map(side).join('')}`);
  return new Background('haproxy', pod.in('taskset', '-c', String(core), 'haproxy', '-db', '-f', file));
}
