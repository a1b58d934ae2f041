import { createRequire } from 'node:module';
import v8 from 'node:v8';
import vm from 'node:vm';
import type { Heap } from './collector.ts';

type Gc = (options: { type: 'major'; execution: 'async'; flavor: 'last-resort' }) => Promise<void>;

/** This process' heap; `drop` lets go of what is kept for reuse, `open` counts connections. malloc_trim is left out where koffi or glibc is not there. */
export function processHeap(drop: () => void, open: () => number): Heap {
  let gc: Gc | null = null;
  let trim: (() => void) | null = null;
  return {
    cpuMs: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    },
    used: () => {
      const { used_heap_size: objects, external_memory: outside } = v8.getHeapStatistics();
      return objects + outside;
    },
    open,
    // As a task of its own, without a stack to scan, and last-resort: only then V8 compacts and keeps no emptied page for itself.
    collect: () => {
      drop();
      void (gc ??= exposeGc())({ type: 'major', execution: 'async', flavor: 'last-resort' });
    },
    trim: () => (trim ??= loadTrim())(),
  };
}

/** --expose-gc on the command line would invalidate the code cache of Node's own modules: half a megabyte and some milliseconds of each start. */
function exposeGc(): Gc {
  v8.setFlagsFromString('--expose-gc');
  const gc = vm.runInNewContext('gc') as Gc;
  v8.setFlagsFromString('--no-expose-gc');
  return gc;
}

function loadTrim(): () => void {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    const mallocTrim = koffi.load('libc.so.6').func('int malloc_trim(size_t pad)');
    return () => void mallocTrim(0);
  } catch {
    return () => {};
  }
}
