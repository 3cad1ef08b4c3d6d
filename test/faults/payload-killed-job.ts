import mongoose from 'mongoose';
import { killedAt, type Steps } from '../support/kills/killed-at.ts';
import { JOBS, type Job, RETENTION } from './payload-jobs.ts';
import { paperModel, ToldStore } from './payload-writer.ts';

// Does a job on a collection whose payloads are in a directory, and kills itself right before its nth command, or before
// or after it puts or deletes an object: `payload-killed-job.ts <uri> <job> <collection> <directory> <n>`.
const [uri = '', job = '', collection = '', directory = '', nth = ''] = process.argv.slice(2);

await mongoose.connect(uri, { monitorCommands: true });
let steps: Steps | undefined;
const told = () => steps?.step();
const Model = paperModel(mongoose, collection, new ToldStore(directory, told), { retention: RETENTION });
// Whatever a process asks once is asked before.
await Model.updateOne({ _id: 'none' }, { n: 1 });
await Model.flush();

steps = killedAt(mongoose, Number(nth));
await JOBS[job as Job](Model, new ToldStore(`${directory}-exports`, told));
console.log(steps.sent);
await mongoose.disconnect();
