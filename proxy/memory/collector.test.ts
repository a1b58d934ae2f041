import assert from 'node:assert/strict';
import { ManualClock } from '../../lib/clock.ts';
import { IdleCollector, type Heap } from './collector.ts';
import { processHeap } from './native.ts';

const MB = 1024 * 1024;

class FakeHeap implements Heap {
  cpu = 0;
  bytes = 8 * MB;
  done: string[] = [];
  connections = 0;
  cpuMs(): number { return this.cpu; }
  used(): number { return this.bytes; }
  open(): number { return this.connections; }
  collect(): void {
    this.done.push('collect');
    this.bytes = 7 * MB;
  }
  trim(): void { this.done.push('trim'); }
}

describe('idle collector', () => {
  const setup = (): { clock: ManualClock; heap: FakeHeap; run: (seconds: number, cpuShare: number, growth?: number) => void } => {
    const clock = new ManualClock();
    const heap = new FakeHeap();
    new IdleCollector(clock, heap).start();
    const run = (seconds: number, cpuShare: number, growth = 0): void => {
      for (let i = 0; i < seconds; i++) {
        heap.cpu += cpuShare * 1000;
        heap.bytes += growth;
        clock.advance(1000);
      }
    };
    return { clock, heap, run };
  };

  it('collects what starting left behind, once', () => {
    const { heap, run } = setup();
    run(60, 0.001);
    assert.deepEqual(heap.done, ['collect', 'trim']);
  });

  it('leaves a busy proxy alone, and collects soon after it has become quiet', () => {
    const { heap, run } = setup();
    run(60, 0.001);
    heap.done = [];
    run(300, 0.5, MB / 10);
    assert.deepEqual(heap.done, []);
    run(20, 0.001);
    assert.deepEqual(heap.done, ['collect', 'trim']);
    run(600, 0.001);
    assert.equal(heap.done.length, 2);
  });

  it('collects what grows slowly, and only trims when the heap has not grown', () => {
    const { heap, run } = setup();
    run(60, 0.001);
    heap.done = [];
    run(100, 0.009, MB / 20);
    assert.deepEqual(heap.done, ['collect', 'trim', 'collect', 'trim']);
    run(60, 0.001);
    heap.done = [];
    run(20, 0.9);
    run(60, 0.001);
    assert.deepEqual(heap.done, ['trim']);
  });

  it('collects again when connections have closed, once', () => {
    const { heap, run } = setup();
    heap.connections = 1000;
    run(100, 0.5, MB / 10);
    heap.done = [];
    run(20, 0.001);
    assert.deepEqual(heap.done, ['collect', 'trim']);
    heap.connections = 950;
    run(20, 0.001);
    assert.equal(heap.done.length, 2);
    heap.connections = 3;
    run(100, 0.001);
    assert.equal(heap.done.length, 4);
  });

  it('frees garbage of this process', async () => {
    const heap = processHeap(() => {}, () => 0);
    let garbage: number[][] = Array.from({ length: 100 }, (_, i) => Array.from({ length: 10_000 }, (_, j) => i + j + 0.5));
    const before = heap.used();
    assert.equal(garbage.length, 100);
    garbage = [];
    heap.collect();
    while (heap.used() > before - 4 * MB) await new Promise((r) => { setTimeout(r, 5); });
    heap.trim();
    assert.ok(heap.cpuMs() > 0);
  });
});
