import type { KubeClient } from '../../lib/kube/client.ts';
import type { Deps } from '../shared/command.ts';
import { withCluster } from '../shared/connect.ts';
import { CliError, Interrupted } from '../shared/errors.ts';
import { EXIT, type ExitCode } from '../shared/exit.ts';
import type { Io } from '../shared/io.ts';
import { nameOf, resourceOf } from '../shared/kinds.ts';
import { explain } from '../shared/kube-errors.ts';
import { progress as progressOn, seconds, type Progress } from '../shared/progress.ts';
import { find } from '../shared/installed.ts';
import { inParallel } from '../shared/poll.ts';
import { anchorCopies, remove } from '../shared/removal.ts';
import { applicable, keepingAuthority, readAuthority } from './authority.ts';
import { takeInventory, type Inventory } from './inventory.ts';
import { manifests, render } from './manifests/all.ts';
import { disruptionBudgets } from './manifests/high-availability.ts';
import type { Manifest } from './manifests/object.ts';
import type { InstallOptions } from './options.ts';
import { requireAccess, requireVersion } from './preflight.ts';
import { waitUntilReady } from './wait.ts';

const CLEAR_UP_MS = 120_000;

export async function run(io: Io, deps: Deps, options: InstallOptions): Promise<ExitCode> {
  if (options.output) return print(io, options, options.output);
  return withCluster(deps.connect, options.target, (kube) => install(io, kube, options));
}

/** Prints what install would apply: no cluster is asked, and nothing of a key is in it but what the user gives. */
async function print(io: Io, options: InstallOptions, format: 'yaml' | 'json'): Promise<ExitCode> {
  const given = options.given && (await readAuthority(io, options.given));
  io.stdout.write(render(manifests(options.config, given), format));
  await io.stdout.drained();
  return EXIT.ok;
}

async function install(io: Io, kube: KubeClient, options: InstallOptions): Promise<ExitCode> {
  const start = io.now();
  const progress = progressOn(io);
  const given = options.given && (await readAuthority(io, options.given));
  const version = await progress.step(`Asking ${kube.connection.server.host} for its version`, () => requireVersion(kube, io.signal));
  progress.note(`  Kubernetes ${version}`);
  const planned = manifests(options.config, given);
  await progress.step('Checking permissions', () => requireAccess(kube, planned, io.signal));
  const inventory = await progress.step('Looking for an existing install', () => takeInventory(kube, planned, io.signal));
  refuseExisting(inventory, options);
  if (inventory.present.size > 0) progress.note(`  ${inventory.present.size} of ${planned.length} objects exist; going on from there`);
  const config = keepingAuthority(options.config, options.given, inventory);
  await applyAndWait(io, kube, progress, options, applicable(manifests(config, given), inventory), inventory);
  io.stderr.write(`The mesh is installed (${seconds(io.now() - start)}). Next, mesh a workload:\n`
    + '  kubectl annotate deploy NAME kubectl-mesh.io/inject=enabled\n  kubectl mesh check\n');
  return EXIT.ok;
}

function refuseExisting(inventory: Inventory, options: InstallOptions): void {
  const { version, config } = { version: inventory.version, config: options.config };
  const namespace = config.controlNamespace;
  if (inventory.terminating) throw new CliError(`Namespace ${namespace} is being deleted. Wait until "kubectl get namespace ${namespace}" finds nothing, then install again.`);
  if (inventory.foreignNamespace) {
    throw new CliError(`Namespace ${namespace} exists and was not made by kubectl mesh, whose uninstall deletes it. Delete it, or hand it over with: `
      + `kubectl label namespace ${namespace} app.kubernetes.io/part-of=kubectl-mesh`);
  }
  if (options.force || version === undefined) return;
  if (version !== config.version) {
    throw new CliError(`Version ${version} of the mesh is installed in this cluster, and this is version ${config.version}. To replace it, keeping its certificate `
      + 'authority, run "kubectl mesh install --force"; to remove it, "kubectl mesh uninstall".');
  }
  if (inventory.absent.length === 0 || inventory.highAvailability !== (config.highAvailability ?? false)) {
    throw new CliError(`The mesh (version ${version}) is installed in this cluster already. Check it with "kubectl mesh check"; to apply it again, with other settings `
      + 'for example, run "kubectl mesh install --force".');
  }
}

/** Applies everything, waits, and on failure takes back what this run created. */
async function applyAndWait(io: Io, kube: KubeClient, progress: Progress, options: InstallOptions, objects: Manifest[], inventory: Inventory): Promise<void> {
  const created: Manifest[] = [];
  try {
    await progress.step(`Applying ${objects.length} objects`, async (detail) => {
      for (const [index, object] of objects.entries()) {
        if (io.signal.aborted) throw new Interrupted();
        detail(`${index + 1}/${objects.length} ${nameOf(object)}`);
        if (!inventory.present.has(nameOf(object))) created.push(object);
        await kube.apply(resourceOf(object), object, { force: true, signal: io.signal });
      }
    });
    await dropBudgets(io, kube, progress, options);
    if (options.wait) await waitUntilReady(io, kube, progress, options.config, options.timeoutMs);
  } catch (error) {
    throw await takenBack(io, kube, progress, options, created, error);
  }
}

/** Takes away the budgets of an install with more replicas than this one. */
async function dropBudgets(io: Io, kube: KubeClient, progress: Progress, { config, timeoutMs }: InstallOptions): Promise<void> {
  const wanted = new Set(disruptionBudgets(config).map(nameOf));
  const others = disruptionBudgets({ ...config, highAvailability: true, canary: true }).filter((budget) => !wanted.has(nameOf(budget)));
  const there = await inParallel(others, others.length, async (budget) => ((await find(kube, resourceOf(budget), budget.metadata, io.signal)) ? [budget] : []));
  await remove(io, kube, progress, there.flat(), { timeoutMs, clearingUp: false });
}

async function takenBack(io: Io, kube: KubeClient, progress: Progress, options: InstallOptions, created: Manifest[], error: unknown): Promise<CliError> {
  const known = io.signal.aborted ? new Interrupted('You stopped the install.') : explain(error);
  const end = (text: string): CliError => new CliError(`${known.message} ${text}`, known.exitCode, { cause: known.cause ?? error });
  if (created.length === 0) return end('Nothing new had been created; the install that was there is as it was, with the new settings applied so far.');
  if (options.keepOnFailure) return end(`${created.length} objects were left in place as you asked. Go on with "kubectl mesh install", or remove them with "kubectl mesh uninstall".`);
  progress.note('The install did not succeed; taking back what it created (--keep-on-failure leaves it in place).');
  try {
    const copies = created.some((o) => o.kind === 'Namespace') ? await anchorCopies(kube, options.config.controlNamespace) : [];
    await remove(io, kube, progress, [...created, ...copies], { timeoutMs: CLEAR_UP_MS, clearingUp: true });
    return end('What it had created was removed again; the cluster is as before.');
  } catch (second) {
    return end(`Taking back what it had created failed too: ${explain(second).message} Remove the rest with "kubectl mesh uninstall".`);
  }
}
