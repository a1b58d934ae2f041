export { serveHttp2 } from './server.ts';
export { Http2Client } from './client.ts';
export { LIMITS, type ClientOptions, type Limits, type ServerOptions } from './options.ts';
export { PREFACE } from './frames.ts';
