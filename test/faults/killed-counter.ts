import mongoose from 'mongoose';
import { killedAt } from '../support/kills/killed-at.ts';
import { countedItems } from './counted-items.ts';

// Writes and counts by turns, and kills itself right before it sends its nth command. Prints how many commands it has sent
// if it gets to the end: `killed-counter.ts <uri> <database> <rounds> <n>`.
const [uri = '', name = '', rounds = '', nth = ''] = process.argv.slice(2);

const { chronos, items, totals } = countedItems(mongoose, uri, name);
await items.model.db.asPromise();
const commands = killedAt({ connection: items.model.db }, Number(nth));
for (let round = 0; round < Number(rounds); round++) {
  await totals();
  const { id } = await items.create({ n: round });
  await items.update(id, { n: round + 1 });
  if (round % 2 === 1) await items.delete(id);
}
await totals();
console.log(commands.sent);
await chronos.close();
