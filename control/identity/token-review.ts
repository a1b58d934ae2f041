import { TOKEN_AUDIENCE } from '../../api/names.ts';
import type { KubeClient } from '../../lib/kube/client.ts';

/** Who a token was issued to. */
export interface Account {
  namespace: string;
  name: string;
  uid: string;
}

/** The API server does not vouch for the token; the message says why. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused';
}

/** authentication.k8s.io/v1 TokenReview, what is used of it. */
export interface TokenReview {
  apiVersion: 'authentication.k8s.io/v1';
  kind: 'TokenReview';
  metadata?: Record<string, never>;
  spec: { token: string; audiences: string[] };
  status?: { authenticated?: boolean; error?: string; audiences?: string[]; user?: { username?: string; uid?: string } };
}

const TIMEOUT_MS = 8000;
/** A JWT: anything else need not travel to the API server. */
const TOKEN = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const ACCOUNT = /^system:serviceaccount:([a-z0-9]([-a-z0-9]*[a-z0-9])?):([a-z0-9]([-a-z0-9.]*[a-z0-9])?)$/;

/**
 * The ServiceAccount behind a token that was issued for this mesh. Throws TokenRefused, or KubeError when the API server could not be asked.
 * A server that does not know audiences leaves them out of its answer, and then vouches for tokens meant for others: refused
 * (Kubernetes API reference, TokenReviewStatus.audiences).
 */
export async function reviewToken(kube: KubeClient, token: Uint8Array, signal?: AbortSignal): Promise<Account> {
  const text = Buffer.from(token.buffer, token.byteOffset, token.byteLength).toString('latin1').trim();
  if (!TOKEN.test(text)) throw new TokenRefused('it is not a ServiceAccount token');
  const body: TokenReview = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: text, audiences: [TOKEN_AUDIENCE] } };
  const { status } = await kube.json<TokenReview>({
    method: 'POST', path: '/apis/authentication.k8s.io/v1/tokenreviews', body, what: 'create tokenreviews', timeoutMs: TIMEOUT_MS, signal,
  });
  if (!status?.authenticated) throw new TokenRefused(status?.error || 'the API server does not accept it');
  if (!status.audiences?.includes(TOKEN_AUDIENCE)) throw new TokenRefused(`its audience is not ${TOKEN_AUDIENCE}`);
  const match = ACCOUNT.exec(status.user?.username ?? '');
  if (!match) throw new TokenRefused('it is not a ServiceAccount\'s');
  return { namespace: match[1]!, name: match[3]!, uid: status.user?.uid ?? '' };
}
