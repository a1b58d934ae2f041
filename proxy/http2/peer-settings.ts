/** The peer's SETTINGS (RFC 9113 6.5.2). Values that are not allowed end the connection. */
import { CODE, ConnectionError, FRAME_MAX, INITIAL_WINDOW, MAX_WINDOW, SETTING, get32 } from './frames.ts';

/** Streams that a client opens before it knows the peer's limit: the least that RFC 9113 6.5.2 recommends to servers. */
const STREAMS_AT_FIRST = 100;

export class PeerSettings {
  headerTableSize = 4096;
  maxConcurrentStreams = STREAMS_AT_FIRST;
  initialWindow = INITIAL_WINDOW;
  /** a server takes extended CONNECT (RFC 8441) */
  connectProtocol = false;
  /** a first SETTINGS frame has come */
  known = false;

  /** Takes the payload buf[start, end) of a SETTINGS frame sent by a server or client. */
  take(buf: Buffer, start: number, end: number, fromServer: boolean): void {
    if (!this.known) {
      this.known = true;
      this.maxConcurrentStreams = Number.POSITIVE_INFINITY;
    }
    for (let p = start; p < end; p += 6) this.set((buf[p]! << 8) | buf[p + 1]!, get32(buf, p + 2), fromServer);
  }

  private set(id: number, value: number, fromServer: boolean): void {
    switch (id) {
      case SETTING.headerTableSize:
        this.headerTableSize = value;
        return;
      case SETTING.enablePush:
        if (value > 1 || (fromServer && value !== 0)) throw new ConnectionError(CODE.protocol, 'settings-enable-push');
        return;
      case SETTING.maxConcurrentStreams:
        this.maxConcurrentStreams = value;
        return;
      case SETTING.initialWindowSize:
        if (value > MAX_WINDOW) throw new ConnectionError(CODE.flowControl, 'settings-initial-window');
        this.initialWindow = value;
        return;
      case SETTING.enableConnectProtocol:
        if (value > 1 || (this.connectProtocol && value === 0)) throw new ConnectionError(CODE.protocol, 'settings-connect-protocol');
        this.connectProtocol = value === 1;
        return;
      case SETTING.maxFrameSize:
        if (value < FRAME_MAX || value > 0xffffff) throw new ConnectionError(CODE.protocol, 'settings-max-frame-size');
        return;
      default:
    }
  }
}
