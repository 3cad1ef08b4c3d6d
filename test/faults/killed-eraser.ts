import mongoose from 'mongoose';
import { killedAt } from '../support/kills/killed-at.ts';
import { itemModel } from './writer.ts';

// Erases two documents and kills itself right before it sends its nth command. Prints how many commands it has sent if
// it gets to the end: `killed-eraser.ts <uri> <collection> <n>`.
const [uri = '', collection = '', nth = ''] = process.argv.slice(2);

await mongoose.connect(uri, { monitorCommands: true });
const Model = itemModel(mongoose, collection);
// Whatever a process asks once is asked before.
await Model.updateOne({ _id: 'none' }, { n: 1 }, { chronos: { opId: 'none' } });

const commands = killedAt(mongoose, Number(nth));
await Model.hardDelete({ ids: ['long', 'gone'] }, { confirm: true, reason: 'request 42' });
console.log(commands.sent);
await mongoose.disconnect();
