import type { Socket } from 'node:net';
import type { ProxyError } from '../errors.ts';
import type { Balancer } from './balancer.ts';
import type { Endpoint } from './endpoint.ts';
import type { PoolConfig } from './pool.ts';

/**
 * Opens a connection for opaque bytes to one of the balancer's endpoints, trying others when it cannot be made. It counts as the endpoint's load
 * from the dial until it closes. Returns the way to give up.
 */
export function connectTcp(balancer: Balancer, pool: PoolConfig, maxTries: number, done: (socket: Socket) => void, failed: (error: ProxyError) => void): () => void {
  const tried: Endpoint[] = [];
  let stop: () => void = () => {};
  const next = (): void => {
    const endpoint = balancer.pick(tried.length === 0 ? null : tried);
    if (endpoint === null) {
      stop = balancer.wait(next, failed);
      return;
    }
    endpoint.picked();
    const startedAt = balancer.clock.now();
    let dialling = true;
    endpoint.pending++;
    const dial = pool.connect(endpoint.info, null, (socket) => {
      dialling = false;
      const now = balancer.clock.now();
      endpoint.connected();
      endpoint.observe(now - startedAt, now);
      socket.once('close', () => { endpoint.pending--; });
      done(socket);
    }, (error) => {
      dialling = false;
      endpoint.pending--;
      endpoint.failed();
      tried.push(endpoint);
      if (tried.length >= maxTries) failed(error);
      else next();
    });
    stop = () => {
      if (dialling) endpoint.pending--;
      dialling = false;
      dial.cancel();
    };
  };
  next();
  return () => stop();
}
