import mongoose from 'mongoose';
import { killedAt, type Steps } from '../support/kills/killed-at.ts';
import { ToldStore } from './payload-writer.ts';
import { entryModel, JOBS, type Job } from './rollup-jobs.ts';

// Does a job on a collection whose manifests are in a directory, and kills itself right before its nth command, or before
// or after it puts or deletes an object: `rollup-killed-job.ts <uri> <job> <collection> <directory> <n>`.
const [uri = '', job = '', collection = '', directory = '', nth = ''] = process.argv.slice(2);

await mongoose.connect(uri, { monitorCommands: true });
let steps: Steps | undefined;
const { Model } = entryModel(mongoose, collection, new ToldStore(directory, () => steps?.step()));
// Whatever a process asks once is asked before.
await Model.updateOne({ _id: 'none' }, { n: 1 });

steps = killedAt(mongoose, Number(nth));
await JOBS[job as Job](Model);
console.log(steps.sent);
await mongoose.disconnect();
