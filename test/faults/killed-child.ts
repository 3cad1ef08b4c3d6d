import mongoose from 'mongoose';
import { killedAt } from '../support/kills/killed-at.ts';
import { itemModel, WRITES } from './writer.ts';

// Does all writes, one after the other, and kills itself right before it sends its nth command. Prints how many
// commands it has sent if it gets to the end: `killed-child.ts <uri> <collection> <n>`.
const [uri = '', collection = '', nth = ''] = process.argv.slice(2);

await mongoose.connect(uri, { monitorCommands: true });
const Model = itemModel(mongoose, collection);
// Whatever a process asks once is asked before.
await Model.updateOne({ _id: 'none' }, { n: 1 });

const commands = killedAt(mongoose, Number(nth));
for (const write of Object.values(WRITES)) await write(Model);
console.log(commands.sent);
await mongoose.disconnect();
