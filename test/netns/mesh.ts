/** A mesh of "pods": a control plane in this process, proxies and applications in the namespaces, their traffic redirected as in a cluster. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { TestControlPlane } from '../../proxy/testing/control-plane.ts';
import { createPod, deletePod, Program, run, sh, type Pod } from './namespaces.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const CONTROL_ID = 'mesh-control.mesh-system.serviceaccount.identity.mesh-system.cluster.local';
/** The redirect leaves alone what this uid sends: in these tests the proxies run as root and the applications as nobody. */
export const PROXY_UID = 0;
export const NOBODY = 65534;

export const identity = (name: string): string => `${name}.test.serviceaccount.identity.mesh-system.cluster.local`;

export class NetnsMesh {
  readonly control = new TestControlPlane();
  /** what the unprivileged programs need, where they may read it: the checkout may be anywhere */
  readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mesh-netns-'));
  readonly node = path.join(this.folder, 'node');
  private readonly pods: Pod[] = [];
  private readonly programs: Program[] = [];

  /** `programs`: files of this folder that run in the pods. */
  async start(programs: string[]): Promise<void> {
    fs.chmodSync(this.folder, 0o755);
    fs.copyFileSync(process.execPath, this.node);
    for (const f of programs) fs.copyFileSync(path.join(import.meta.dirname, f), path.join(this.folder, f));
    await sh('sysctl', ['-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
    await this.control.start(0, '0.0.0.0', CONTROL_ID);
  }

  /** `n`: which network; no two tests that run at a time may have the same. */
  async pod(tag: string, n: number): Promise<Pod> {
    const pod = await createPod(tag, n);
    this.pods.push(pod);
    return pod;
  }

  /** Comes back as it was after `control.stop()`. */
  async restartControl(port: number): Promise<void> {
    await this.control.start(port, '0.0.0.0', CONTROL_ID);
  }

  proxy(pod: Pod, name: string, env: Record<string, string> = {}): Program {
    const at = `${pod.gateway}:${this.control.port}`;
    return this.keep(new Program(pod, PROXY_UID, [process.execPath, path.join(ROOT, 'proxy/main.ts')], {
      MESH_PROXY_LOG: 'debug', MESH_PROXY_IDENTITY_LOCAL_NAME: identity(name), MESH_PROXY_IDENTITY_TOKEN_FILE: '/dev/null', MESH_PROXY_IDENTITY_TRUST_ANCHORS: this.control.anchors,
      MESH_PROXY_IDENTITY_SVC_ADDR: at, MESH_PROXY_IDENTITY_SVC_NAME: CONTROL_ID, MESH_PROXY_DESTINATION_SVC_ADDR: at, MESH_PROXY_DESTINATION_SVC_NAME: CONTROL_ID,
      MESH_PROXY_POLICY_SVC_ADDR: at, MESH_PROXY_POLICY_SVC_NAME: CONTROL_ID, MESH_PROXY_POLICY_WORKLOAD: '{}', MESH_PROXY_POD_IPS: `${pod.ip},${pod.ip6}`, ...env,
    }));
  }

  /** An application: one of the programs, as nobody. */
  app(pod: Pod, program: string, ...args: string[]): Program {
    return this.keep(new Program(pod, NOBODY, [this.node, path.join(this.folder, program), ...args]));
  }

  private keep(p: Program): Program {
    this.programs.push(p);
    return p;
  }

  async redirect(pod: Pod, ...more: string[]): Promise<void> {
    const r = await run(pod, 0, [process.execPath, path.join(ROOT, 'proxy/redirect/main.ts'), '--proxy-uid', String(PROXY_UID), '--skip-inbound-ports', '4190,4191', ...more]);
    assert.equal(r.code, 0, r.output);
  }

  /** client.mjs, as a uid that is redirected unless another is given. */
  async client(pod: Pod, args: string[], uid = NOBODY): Promise<{ code: number; output: string }> {
    return run(pod, uid, [this.node, path.join(this.folder, 'client.mjs'), ...args]);
  }

  async metrics(pod: Pod): Promise<string> {
    return (await this.client(pod, ['get', 'http://127.0.0.1:4191/metrics'])).output;
  }

  async stop(): Promise<void> {
    for (const p of this.programs) await p.stop('SIGKILL');
    await this.control.stop();
    for (const p of this.pods) await deletePod(p.name);
    fs.rmSync(this.folder, { recursive: true });
  }
}
