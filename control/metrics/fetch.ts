import { plainGet } from '../serve/plain-get.ts';
import type { Fetch } from './scraper.ts';

/** A proxy with many peers exposes a few hundred kB; beyond this something is wrong. */
const MAX_BYTES = 32 << 20;

/** GET http://ip:port/metrics */
export const fetchMetrics: Fetch = (ip, port, signal) => plainGet({ ip, port, path: '/metrics', accept: 'text/plain;version=0.0.4', maxBytes: MAX_BYTES, signal });
