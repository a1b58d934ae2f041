import assert from 'node:assert/strict';
import type { IdentityReport } from '../../api/identity-status.ts';
import { Registry } from '../telemetry/registry.ts';
import { RequestHead, type ResponseHead, type ResponseStream } from '../message/contract.ts';
import { adminService, type AdminDeps } from './server.ts';

const REPORT: IdentityReport = { identity: 'web.shop', chain: 'leaf issuer', anchors: 'root' };

function ask(method: string, path: string): { status: number; body: string } {
  const answer = { status: 0, body: '' };
  const client: Partial<ResponseStream> = {
    head: (head: ResponseHead) => void (answer.status = head.status),
    data: (buf, start, end) => void (answer.body += buf.toString('utf8', start, end)),
    end: () => undefined,
  };
  const deps: AdminDeps = { registry: new Registry(), log: {} as AdminDeps['log'], ready: () => true, shutdown: () => undefined, identity: () => REPORT };
  adminService(deps, false)(new RequestHead(method, 'http', 'pod:4191', path, []), true, client as ResponseStream);
  return answer;
}

describe('admin port', () => {
  it('tells whom the proxy is and whom it trusts', () => {
    const { status, body } = ask('GET', '/identity');
    assert.equal(status, 200);
    assert.deepEqual(JSON.parse(body), REPORT);
    assert.equal(ask('POST', '/identity').status, 405);
  });

  it('keeps from outside of the pod what changes the proxy, and names what there is', () => {
    assert.equal(ask('POST', '/shutdown').status, 403);
    assert.equal(ask('PUT', '/proxy-log-level').status, 403);
    assert.match(ask('GET', '/nothing').body, /\/metrics .*\/identity/);
  });
});
