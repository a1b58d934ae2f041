/** The control plane with many workloads. */
import { cpuOf } from '../processes.ts';
import { simulate, standStill } from '../simulate.ts';
import { pids, until, type World } from '../world.ts';
import { memory } from './sample.ts';
import { measureStart } from './start.ts';

export async function scale(world: World): Promise<void> {
  const { run, options } = world;
  await standStill(world);
  const before = cpuOf(pids());
  world.simulated = await run.step(`Writing ${options.workloads} workloads with ${options.endpoints} endpoints into the API server`, () => simulate(world));
  await atRest();
  world.figure({ case: 'scale', what: 'CPU to follow as they were made', value: cpuOf(pids()) - before, unit: 's', target: null });
  const size = `${options.workloads} workloads, ${options.endpoints} endpoints`;
  await memory(world, 'scale', `private memory, ${size}`, 600);
  await measureStart(world, 'scale', (running) => {
    for (const { pid } of running) process.kill(pid, 'SIGTERM');
    return Promise.resolve();
  });
  await memory(world, 'scale', `the same after a start with them`, 600);
}

/** Until both processes use less than a tenth of a core. */
async function atRest(): Promise<void> {
  let last = Infinity;
  await until(() => {
    const now = cpuOf(pids());
    const used = now - last;
    last = now;
    return used >= 0 && used < 0.1 ? '' : 'the control plane is still busy';
  }, 60_000, 1000);
}
