export { Http1Client } from './client.ts';
export { DEFAULT_LIMITS, type Http1Limits } from './limits.ts';
export type { ClientOptions, ServerOptions } from './options.ts';
export { serveHttp1 } from './server.ts';
export { share } from '../message/shared.ts';
export { Sweeper } from './sweeper.ts';
