import { STATUS } from '../../lib/grpc/status.ts';
import { Watch, type Channel } from '../discover/watch.ts';
import { INBOUND_WATCH } from '../discover/methods.ts';
import type { Log } from '../log.ts';
import { compileServer, PortPolicy } from './inbound.ts';

/** Policies of the application's ports: watched from first use, the last known one kept while the control plane is away. */
export class PortPolicies {
  private readonly channel: Channel;
  private readonly workload: string;
  private readonly fallback: (port: number) => PortPolicy;
  private readonly log: Log;
  private readonly ports = new Map<number, PortPolicy>();
  private readonly watches: Watch<never, never>[] = [];

  constructor(channel: Channel, workload: string, ports: number[], fallback: (port: number) => PortPolicy, log: Log) {
    this.channel = channel;
    this.workload = workload;
    this.fallback = fallback;
    this.log = log;
    for (const p of ports) this.get(p);
  }

  get(port: number): PortPolicy {
    const known = this.ports.get(port);
    if (known !== undefined) return known;
    // Clients choose the port numbers: only so many are worth a stream.
    const policy = this.fallback(port);
    if (this.ports.size >= 256) return policy;
    this.ports.set(port, policy);
    this.watches.push(new Watch(this.channel, INBOUND_WATCH, { workload: this.workload, port }, {
      message: (server) => this.ports.set(port, compileServer(server)),
      ended: (error) => {
        this.log.debug('the policy stream of a port ended', { port, error: error?.message ?? '' });
        if (error?.code === STATUS.NOT_FOUND) this.ports.set(port, this.fallback(port));
        return false;
      },
    }) as unknown as Watch<never, never>);
    return policy;
  }

  stop(): void {
    for (const w of this.watches) w.stop();
  }
}
