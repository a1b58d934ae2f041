/** What the bench and the process that stands for its proxies say to each other: lines of JSON, each question answered once. */
/** A service of the control plane, and the credentials that a proxy has for it. */
export interface Server {
  ip: string;
  port: number;
  /** identity of the server, also the SNI */
  serverName: string;
  /** PEM */
  anchors: string;
}
export interface Leaf { key: string; chain: string }

export type Question =
  /**
   * Opens proxies, a connection each and a stream on each; certificates, targets (a name for `get`, ip:port for `outbound`) and contexts go round. Answered when
   * each has had a first message. `on`: the group whose connections are used in place of new ones.
   */
  | { do: 'watch'; group: string; on?: string; server: Server; leaves: readonly Leaf[]; count: number; method: 'get' | 'outbound'; targets: readonly string[]; context: readonly string[] }
  /** Answered at once; from then on `seen` counts. */
  | { do: 'mark'; group: string; marker: string }
  /** Answered when every stream of the group has had a message with the marker: milliseconds since the epoch, one each. */
  | { do: 'seen'; group: string; marker: string }
  /** How many streams of the group know exactly these addresses, how many messages all have had, and how many bytes. */
  | { do: 'look'; group: string; addresses: string[] }
  /** Asks for a certificate for each token, `atOnce` side by side, on a new connection each or, with `keep`, on connections that stay. */
  | { do: 'certify'; keep?: boolean; server: Server; tokens: { identity: string; token: string }[]; atOnce: number }
  | { do: 'close'; group: string };

export interface Answers {
  watch: { opened: number };
  mark: Record<string, never>;
  seen: { at: number[] };
  look: { alike: number; messages: number; bytes: number };
  certify: { leaves: Leaf[]; ms: number; failed: Record<string, number>; latencies: number[] };
  close: Record<string, never>;
}
