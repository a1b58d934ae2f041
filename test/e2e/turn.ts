/** Waiting for one's turn with what only one run at a time may use. */
import { locked } from '../cluster/local/lock.ts';
import type { Run } from '../mesh/run.ts';

export interface Turn {
  /** Lets the next one begin. */
  end(): Promise<void>;
}

/** Resolves when no other process holds the turn of this name; a process that ends gives it up. Throws ClusterError when the run is stopped before. */
export function takeTurn(name: string, run: Run): Promise<Turn> {
  return new Promise((resolve, reject) => {
    const holding = locked(`/run/lock/kubectl-mesh-${name}`, run.log, () => new Promise<void>((over) => {
      resolve({
        end: async () => {
          over();
          await holding;
        },
      });
    }), { signal: run.signal, remove: true });
    holding.catch(reject);
  });
}
