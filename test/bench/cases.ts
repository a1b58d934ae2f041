/** What is measured: the shapes of load. */

/** A protocol of the application, which has a port of its own everywhere on the path. */
export type Kind = 'h1' | 'h2' | 'grpc' | 'tcp' | 'greet';

export interface LoadCase {
  name: string;
  kind: Kind;
  /** for the tables */
  title: string;
  connections: number;
  /** requests at once on each connection; 1 for h1 and tcp */
  streams: number;
  path: string;
  /** bytes of a response's body; of a stream of bytes nothing is known before */
  download: number;
  /** bytes of a request's body */
  upload: number;
  /** one request a connection */
  close: boolean;
  /** measured by bytes, not by requests */
  bulk: boolean;
}

/** The smallest body that the upstream answers with, bytes. */
export const SMALL = 69;
const KB10 = 10_240;
const MB1 = 1_048_576;

export const PATHS = { small: '/', kb10: '/10k', mb1: '/1m', grpc: '/bench.Echo/Say.grpc' } as const;

function make(name: string, kind: Kind, title: string, o: Partial<LoadCase>): LoadCase {
  return { name, kind, title, connections: 1, streams: 1, path: PATHS.small, download: SMALL, upload: 0, close: false, bulk: false, ...o };
}

/** In the order in which they run. */
export const CASES: LoadCase[] = [
  make('h1-1', 'h1', 'HTTP/1.1, 1 connection', {}),
  make('h1-32', 'h1', 'HTTP/1.1, 32 connections', { connections: 32 }),
  make('h1-128', 'h1', 'HTTP/1.1, 128 connections', { connections: 128 }),
  make('h1-1000', 'h1', 'HTTP/1.1, 1000 connections', { connections: 1000 }),
  make('h2-4x32', 'h2', 'HTTP/2, 4 connections x 32 streams', { connections: 4, streams: 32 }),
  make('grpc-4x32', 'grpc', 'gRPC unary with trailers, 4 x 32', { connections: 4, streams: 32, path: PATHS.grpc, download: 32, upload: 32 }),
  make('h1-10k', 'h1', 'HTTP/1.1, 10 kB responses, 32 connections', { connections: 32, path: PATHS.kb10, download: KB10 }),
  make('h1-up10k', 'h1', 'HTTP/1.1, 10 kB requests, 32 connections', { connections: 32, upload: KB10 }),
  make('h2-10k', 'h2', 'HTTP/2, 10 kB responses, 4 x 32', { connections: 4, streams: 32, path: PATHS.kb10, download: KB10 }),
  make('h1-new', 'h1', 'HTTP/1.1, one request a connection, 32 at once', { connections: 32, close: true }),
  make('h1-1m', 'h1', 'HTTP/1.1, 1 MB responses, 8 connections', { connections: 8, path: PATHS.mb1, download: MB1, bulk: true }),
  make('h2-1m', 'h2', 'HTTP/2, 1 MB responses, 1 x 8', { streams: 8, path: PATHS.mb1, download: MB1, bulk: true }),
  make('tcp-down', 'tcp', 'raw TCP, server to client', { bulk: true }),
  make('tcp-up', 'tcp', 'raw TCP, client to server', { bulk: true }),
];

export function caseNamed(name: string): LoadCase {
  return CASES.find((c) => c.name === name)!;
}
