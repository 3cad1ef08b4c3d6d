import type { Mongoose } from 'mongoose';
import { itemModel, WRITES } from './writer.ts';

// Does all writes, one after the other, and kills itself right before it sends its nth command. Prints how many
// commands it has sent if it gets to the end: `killed-child.ts <uri> <collection> <n>`.
const [uri = '', collection = '', nth = ''] = process.argv.slice(2);

const NOT_OURS = new Set(['hello', 'ismaster', 'ping', 'endSessions', 'buildInfo']);

const name: string = process.env.CHRONOS_TEST_MONGOOSE === '8' ? 'mongoose8' : 'mongoose';
const { default: mongoose }: { default: Mongoose } = await import(name);
await mongoose.connect(uri, { monitorCommands: true });
const Model = itemModel(mongoose, collection);
// Whatever a process asks once is asked before.
await Model.updateOne({ _id: 'none' }, { n: 1 });

let sent = 0;
mongoose.connection.getClient().on('commandStarted', ({ commandName }) => {
  if (NOT_OURS.has(commandName)) return;
  sent += 1;
  if (sent === Number(nth)) process.kill(process.pid, 'SIGKILL');
});
for (const write of Object.values(WRITES)) await write(Model);
console.log(sent);
await mongoose.disconnect();
