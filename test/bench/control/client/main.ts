/** The process that stands for the proxies of the bench; it runs on the node's network. Questions come by standard input, answers go to standard output (protocol.ts). */
import { createInterface } from 'node:readline';
import { certifyAll } from './certify.ts';
import type { Answers, Question } from './protocol.ts';
import { Group } from './watch.ts';

/** Handshakes side by side when a group opens. */
const AT_ONCE = 16;
const groups = new Map<string, Group>();

async function answer(question: Question): Promise<Answers[keyof Answers]> {
  switch (question.do) {
    case 'watch': {
      const group = new Group(question, question.on === undefined ? null : groups.get(question.on)!);
      groups.set(question.group, group);
      return { opened: await group.open(AT_ONCE) };
    }
    case 'mark':
      groups.get(question.group)!.mark(question.marker);
      return {};
    case 'seen': return { at: await groups.get(question.group)!.seen(question.marker) };
    case 'look': {
      const group = groups.get(question.group)!;
      return { alike: group.alike(question.addresses), messages: group.messages, bytes: group.bytes };
    }
    case 'certify': return certifyAll(question);
    case 'close':
      groups.get(question.group)?.close();
      groups.delete(question.group);
      return {};
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, question } = JSON.parse(line) as { id: number; question: Question };
  const say = (what: object): void => void process.stdout.write(`${JSON.stringify({ id, ...what })}\n`);
  answer(question).then((value) => say({ value }), (error: unknown) => say({ error: error instanceof Error ? error.message : String(error) }));
}
process.exit(0);
