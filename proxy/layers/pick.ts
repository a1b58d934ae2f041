import type { Service } from '../message/contract.ts';
import { withFailover, type Choice } from './failover.ts';

/** The first backend that is usable; when none is, the first one, which says why. */
export function firstUsable(choices: readonly Choice[]): Service {
  const [only] = choices;
  if (choices.length === 1) return only!.service;
  return (head, ended, client) => withFailover(choices, choices.find((c) => c.usable()) ?? only!, head, ended, client);
}

/** One of the usable backends, by weight; when none is, one of all. Weights are above 0. */
export function weighted(choices: readonly (Choice & { weight: number })[], random: () => number): Service {
  if (choices.length === 1) return choices[0]!.service;
  let whole = 0;
  for (const c of choices) whole += c.weight;
  return (head, ended, client) => {
    let usable = 0;
    for (const c of choices) if (c.usable()) usable += c.weight;
    const chosen = usable === 0 ? draw(choices, random() * whole, false) : draw(choices, random() * usable, true);
    return withFailover(choices, chosen, head, ended, client);
  };
}

function draw<C extends Choice & { weight: number }>(choices: readonly C[], at: number, usableOnly: boolean): C {
  let last = choices[0]!;
  for (const c of choices) {
    if (usableOnly && !c.usable()) continue;
    last = c;
    at -= c.weight;
    if (at < 0) break;
  }
  return last;
}
