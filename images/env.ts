import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where downloads and finished layers are kept between builds, outside the checkout. */
export function imageCacheDir(source: NodeJS.ProcessEnv = process.env): string {
  return join(source['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'kubectl-mesh', 'images');
}
