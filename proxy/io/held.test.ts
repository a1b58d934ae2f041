import assert from 'node:assert/strict';
import { WINDOW } from '../message/contract.ts';
import { HeldBudget, type Holder } from './held.ts';

/** A holder that lets go of up to 30 at once. */
class Box implements Holder {
  held = 0;
  readonly name: string;
  private readonly budget: HeldBudget;
  private readonly log: string[];

  constructor(name: string, budget: HeldBudget, log: string[]) {
    this.name = name;
    this.budget = budget;
    this.log = log;
    budget.join(this);
  }

  hold(n: number): void {
    this.held += n;
    this.budget.change(n);
  }

  shed(): void {
    this.log.push(this.name);
    this.hold(-Math.min(30, this.held));
  }
}

describe('held: what the process holds for its connections', () => {
  const turn = async (): Promise<void> => new Promise((resolve) => { queueMicrotask(resolve); });

  it('sheds from the holder that holds the most, after the call that brought the bytes', async () => {
    const budget = new HeldBudget(100);
    const log: string[] = [];
    const a = new Box('a', budget, log);
    const b = new Box('b', budget, log);
    a.hold(60);
    b.hold(30);
    await turn();
    assert.deepEqual(log, []);
    b.hold(20);
    assert.deepEqual(log, []);
    await turn();
    assert.deepEqual(log, ['a']);
    b.hold(50);
    await turn();
    assert.deepEqual(log, ['a', 'b']);
    assert.equal(budget.total, 100);
    budget.leave(b);
    a.hold(50);
    await turn();
    assert.deepEqual(log, ['a', 'b', 'a', 'a']);
  });

  it('gives up when nobody lets go', async () => {
    const budget = new HeldBudget(10);
    budget.join({ held: 1, shed() {} });
    budget.change(11);
    await turn();
    assert.equal(budget.total, 11);
  });

  it('holds connections back earlier the nearer the cap is, and lets them go on', () => {
    const budget = new HeldBudget(1000);
    assert.deepEqual([budget.highWater, budget.reserve], [WINDOW, 0]);
    budget.change(250);
    assert.deepEqual([budget.highWater, budget.reserve], [WINDOW / 4, WINDOW * 3 / 4]);
    budget.change(500);
    assert.deepEqual([budget.highWater, budget.reserve], [WINDOW / 16, WINDOW * 15 / 16]);
    budget.change(-501);
    assert.deepEqual([budget.highWater, budget.reserve], [WINDOW, 0]);
  });
});
