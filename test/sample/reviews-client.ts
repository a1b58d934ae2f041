import { connect, constants, type ClientHttp2Session } from 'node:http2';
import type { Review } from './shelf.ts';

export interface ReviewsClient {
  /** reviews of one book, [] for a book that nobody has reviewed; rejects on any other answer than 200 and 404 */
  of(bookId: string): Promise<Review[]>;
  close(): void;
}

class Unanswered extends Error {}

/** Calls the reviews role at `url` over one HTTP/2 connection, opened anew when the server gives it up. */
export function openReviews(url: string, timeoutMs: number): ReviewsClient {
  let session: ClientHttp2Session | null = null;

  function current(): ClientHttp2Session {
    if (session && !session.closed && !session.destroyed) return session;
    const opened = connect(url);
    const forget = () => { if (session === opened) session = null; };
    opened.on('goaway', forget).on('close', forget).on('error', forget);
    session = opened;
    return opened;
  }

  function request(path: string): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      const stream = current().request({ ':path': path });
      const chunks: Buffer[] = [];
      let status = 0;
      stream.setTimeout(timeoutMs, () => stream.destroy(new Error(`no answer within ${timeoutMs} ms`)));
      stream.on('response', (headers) => { status = headers[':status'] ?? 0; });
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => { if (status !== 0) resolve({ status, body: Buffer.concat(chunks).toString() }); });
      stream.on('error', (error) => reject(stream.rstCode === constants.NGHTTP2_REFUSED_STREAM ? new Unanswered(error.message) : error));
      stream.on('close', () => reject(status === 0 ? new Unanswered('the connection closed before an answer') : new Error('the answer was cut short')));
    });
  }

  return {
    async of(bookId) {
      const path = `/reviews/${encodeURIComponent(bookId)}`;
      // The server gave up the connection between two requests (RFC 9113 6.8, 8.7); a GET may be asked again.
      const { status, body } = await request(path).catch((error: unknown) => {
        if (error instanceof Unanswered) return request(path);
        throw error;
      });
      if (status === 404) return [];
      if (status !== 200) throw new Error(`${path} answered ${status}: ${body.slice(0, 200)}`);
      return JSON.parse(body) as Review[];
    },
    close: () => session?.close(),
  };
}
