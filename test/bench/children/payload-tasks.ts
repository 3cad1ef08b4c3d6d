import { randomBytes } from 'node:crypto';
import mongoose from 'mongoose';
import { offer } from '../child.ts';
import { loadLibrary } from '../library.ts';
import { s3OptionsOf } from '../object-storage.ts';
import { noteModel } from '../payload-notes.ts';

/** Where the task finds its servers. */
export interface PayloadPlace {
  readonly uri: string;
  readonly dbName: string;
  readonly endpoint: string;
  readonly bucket: string;
}

const MB = 2 ** 20;
const LOOK_MS = 5;

const tasks = {
  /** Stores one blob. Returns by how much the process grew at the most, in megabytes. */
  async putBlob({ endpoint, bucket, bytes }: PayloadPlace & { readonly bytes: number }): Promise<number> {
    const { s3 } = await loadLibrary();
    const store = new s3.S3PayloadStore(bucket, s3OptionsOf(endpoint));
    await store.put('warm', randomBytes(1));
    return grown(async () => {
      await store.put('blob', randomBytes(bytes));
    });
  },

  /** Creates documents all at once and has them stored. Returns the size of the process at the most, in megabytes. */
  async createAtOnce(task: PayloadPlace & { readonly count: number; readonly bytes: number }): Promise<number> {
    const { library, s3 } = await loadLibrary();
    await mongoose.connect(task.uri, { dbName: task.dbName });
    const json = new s3.S3PayloadStore(task.bucket, s3OptionsOf(task.endpoint));
    const notes = await noteModel(mongoose, library.chronos, { json });
    const note = (n: number) => ({ title: `note ${n}`, body: randomBytes(task.bytes / 2).toString('hex') });
    const before = process.memoryUsage.rss() / MB;
    const more = await grown(async () => {
      await Promise.all(Array.from({ length: task.count }, (_, n) => notes.create(note(n))));
      await notes.flush();
    });
    await mongoose.disconnect();
    return before + more;
  },
};

export type PayloadTasks = typeof tasks;

async function grown(work: () => Promise<void>): Promise<number> {
  const before = process.memoryUsage.rss();
  let most = before;
  const looking = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, LOOK_MS);
  await work().finally(() => clearInterval(looking));
  return (Math.max(most, process.memoryUsage.rss()) - before) / MB;
}

offer(tasks);
