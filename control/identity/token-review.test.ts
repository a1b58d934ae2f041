import assert from 'node:assert/strict';
import { TOKEN_AUDIENCE } from '../../api/names.ts';
import { tokenApi, tokenOf, type TokenApi } from './testing/token-api.ts';
import { reviewToken } from './token-review.ts';

describe('token review', () => {
  let api: TokenApi;
  beforeEach(async () => { api = await tokenApi(); });
  afterEach(() => api.close());

  const token = tokenOf('default', 'web');
  const good = { authenticated: true, audiences: [TOKEN_AUDIENCE], user: { username: 'system:serviceaccount:default:web', uid: 'u1' } };
  const review = (text: string) => reviewToken(api.client, Buffer.from(text));
  const refused = (status: object, message: RegExp) => {
    api.tokens.set(token, status);
    return assert.rejects(review(token), { name: 'TokenRefused', message });
  };

  it('asks for our audience and names the account', async () => {
    api.tokens.set(token, good);
    assert.deepEqual(await review(`${token}\n`), { namespace: 'default', name: 'web', uid: 'u1' });
    assert.deepEqual(api.reviews, [{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences: [TOKEN_AUDIENCE] } }]);
  });

  it('refuses what the API server does not vouch for', async () => {
    await refused({ authenticated: false, error: 'token expired' }, /token expired/);
    await refused({}, /does not accept/);
    await refused({ ...good, audiences: undefined }, /audience/);
    await refused({ ...good, audiences: ['https://kubernetes.default.svc'] }, /audience/);
    await refused({ ...good, user: { username: 'system:node:n1' } }, /not a ServiceAccount/);
    await refused({ ...good, user: { username: 'system:serviceaccount:default:web:x' } }, /not a ServiceAccount/);
    await refused({ ...good, user: { username: 'system:serviceaccount:a.b:web' } }, /not a ServiceAccount/);
    await refused({ ...good, user: undefined }, /not a ServiceAccount/);
  });

  it('does not send on what cannot be a token', async () => {
    for (const text of ['x', '', 'a.b', 'a.b.c.d', 'a.b.c d', 'a.b.ü']) await assert.rejects(review(text), { name: 'TokenRefused' });
    assert.equal(api.reviews.length, 0);
  });

  it('passes on that the API server could not be asked', async () => {
    api.failWith = 500;
    await assert.rejects(review(token), { name: 'KubeError', status: 500 });
  });
});
