import mongoose from 'mongoose';
import { killedAt, type Steps } from '../support/kills/killed-at.ts';
import { paperModel, ToldStore, writeLargePapers, writePapers } from './payload-writer.ts';

// Writes documents whose payload goes to a directory, and kills itself right before its nth command, or before or after
// an upload: `payload-killed-child.ts <uri> <collection> <directory> <n> small|large`.
const [uri = '', collection = '', directory = '', nth = '', size = ''] = process.argv.slice(2);

await mongoose.connect(uri, { monitorCommands: true });
let steps: Steps | undefined;
const Model = paperModel(mongoose, collection, new ToldStore(directory, () => steps?.step()));
// Whatever a process asks once is asked before.
await Model.updateOne({ _id: 'none' }, { n: 1 });
await Model.flush();

steps = killedAt(mongoose, Number(nth));
await (size === 'large' ? writeLargePapers : writePapers)(Model);
console.log(steps.sent);
await mongoose.disconnect();
