import type { Socket } from 'node:net';
import { Memo } from './memo.ts';
import type { Metrics } from './metrics.ts';
import type { Counter } from './registry.ts';
import { renderLabels, type Labels } from './text.ts';

interface Group { opened: Counter; open: Counter; read: Counter; write: Counter; labels: Labels; closed: Counter }
interface Tracked { group: Group; read: number; written: number }

/** Label sets whose handles are kept beside those of open connections. */
const MAX_GROUPS = 1000;

/**
 * Counts connections and their bytes. Bytes are read off the sockets when metrics are asked for and when a socket closes, so that they
 * cost nothing while they flow.
 */
export class TransportMetrics {
  private readonly metrics: Metrics;
  private readonly groups: Memo<Group>;
  private readonly sockets = new Map<Socket, Tracked>();

  constructor(metrics: Metrics) {
    this.metrics = metrics;
    this.groups = new Memo(metrics.registry, MAX_GROUPS);
    metrics.registry.onCollect(() => { for (const [socket, t] of this.sockets) settle(socket, t); });
  }

  /** Counts `socket` from now until it closes. Labels: direction, peer (src|dst), tls, client_id or server_id, dst_… */
  track(socket: Socket, labels: Labels): void {
    if (socket.destroyed) return;
    const group = this.group(labels);
    const t: Tracked = { group, read: 0, written: 0 };
    group.opened.value++;
    group.open.value++;
    this.sockets.set(socket, t);
    socket.once('close', () => {
      settle(socket, t);
      group.open.value--;
      this.closed(group, errnoOf(socket.errored)).value++;
      this.sockets.delete(socket);
    });
  }

  get open(): number {
    return this.sockets.size;
  }

  /** `errno` is the system's name of the error that ended the connection, or '' */
  private closed(group: Group, errno: string): Counter {
    return errno === '' ? group.closed : this.metrics.tcpClose.with({ ...group.labels, errno });
  }

  private group(labels: Labels): Group {
    const key = renderLabels(labels);
    let g = this.groups.get(key);
    if (g === undefined) {
      const m = this.metrics;
      g = {
        labels, opened: m.tcpOpenTotal.with(labels), open: m.tcpOpen.with(labels), read: m.tcpRead.with(labels), write: m.tcpWrite.with(labels),
        closed: m.tcpClose.with(labels),
      };
      if (!this.groups.full) this.groups.set(key, g);
    }
    return g;
  }
}

function errnoOf(error: NodeJS.ErrnoException | null): string {
  return error?.code ?? '';
}

function settle(socket: Socket, t: Tracked): void {
  const read = socket.bytesRead;
  const written = socket.bytesWritten ?? 0;
  if (read > t.read) t.group.read.value += read - t.read;
  if (written > t.written) t.group.write.value += written - t.written;
  t.read = Math.max(read, t.read);
  t.written = Math.max(written, t.written);
}
