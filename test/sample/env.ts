/** Settings of the sample application, from environment variables. */
export interface SampleEnv {
  /** PORT: where serving roles listen; 8080 */
  port: number;
  /** BOOKS: host:port of the gRPC backend */
  books: string;
  /** REVIEWS: http://host:port of the HTTP/2 backend */
  reviews: string;
  /** QUOTES: host:port of the TCP service */
  quotes: string;
  /** WEB, FLAKY: http://host:port */
  web: string;
  flaky: string;
  /** FAIL_PERCENT: share of requests that flaky fails, 0..100; 20 */
  failPercent: number;
  /** RPS, FLAKY_RPS, QUOTES_RPS: what load sends each second; 20, 5, 2; 0 sends none */
  rps: number;
  flakyRps: number;
  quotesRps: number;
  /** TIMEOUT_MS: bound on each call; 5000 */
  timeoutMs: number;
  /** SHUTDOWN_DELAY_MS: how long a role goes on accepting after SIGTERM, while the cluster learns that it is going; 3000 */
  shutdownDelayMs: number;
}

export class EnvError extends Error {}

function number(source: NodeJS.ProcessEnv, name: string, fallback: number, max: number): number {
  const text = source[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0 || value > max) throw new EnvError(`${name} is "${text}", and it must be a number from 0 to ${max}.`);
  return value;
}

/** Throws EnvError, naming the variable. */
export function parseEnv(source: NodeJS.ProcessEnv): SampleEnv {
  return {
    port: number(source, 'PORT', 8080, 65535),
    books: source['BOOKS'] ?? 'books:50051',
    reviews: source['REVIEWS'] ?? 'http://reviews:8080',
    quotes: source['QUOTES'] ?? 'quotes:1717',
    web: source['WEB'] ?? 'http://web',
    flaky: source['FLAKY'] ?? 'http://flaky',
    failPercent: number(source, 'FAIL_PERCENT', 20, 100),
    rps: number(source, 'RPS', 20, 10_000),
    flakyRps: number(source, 'FLAKY_RPS', 5, 10_000),
    quotesRps: number(source, 'QUOTES_RPS', 2, 1000),
    timeoutMs: number(source, 'TIMEOUT_MS', 5000, 600_000),
    shutdownDelayMs: number(source, 'SHUTDOWN_DELAY_MS', 3000, 600_000),
  };
}
