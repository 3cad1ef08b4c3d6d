import mongoose from 'mongoose';
import type { ChronosModelType } from '../../../src/index.ts';
import { offer } from '../child.ts';
import { type Order, orderModel } from '../documents.ts';
import { loadLibrary } from '../library.ts';
import { liveHeap, MemoryWatch, residentSet } from '../memory-watch.ts';

/** The database in which the parent has laid out what the task needs. */
export interface Place {
  readonly uri: string;
  readonly dbName: string;
}

type VersionedOrders = ChronosModelType<Order>;

async function ordersIn({ uri, dbName }: Place): Promise<VersionedOrders> {
  const { library } = await loadLibrary();
  await mongoose.connect(uri, { dbName });
  return (await orderModel(mongoose, { plugin: library.chronos })) as unknown as VersionedOrders;
}

const tasks = {
  /** Reads all versions of one document, one after the other. */
  async streamHistory({ id, versions, ...place }: Place & { readonly id: string; readonly versions: number }) {
    const orders = await ordersIn(place);
    const watch = new MemoryWatch(versions, residentSet);
    let count = 0;
    for await (const { ov } of orders.history(id, { lean: true })) {
      if (ov !== versions - 1 - count) throw new Error(`Version ${ov} follows ${versions - count}`);
      count += 1;
      watch.at(count);
    }
    return { count, grownMB: watch.grown() };
  },

  /** Takes all documents back to an instant. */
  async restoreCollection({ at, documents, ...place }: Place & { readonly at: Date; readonly documents: number }) {
    const orders = await ordersIn(place);
    const watch = new MemoryWatch(documents, residentSet);
    const onProgress = ({ done }: { readonly done: number }) => watch.at(done);
    const { restored, failed } = await orders.restoreCollection({ at }, { onProgress });
    return { restored, failed, grownMB: watch.grown() };
  },

  /** Changes all documents by one call. */
  async updateMany({ documents, ...place }: Place & { readonly documents: number }) {
    const orders = await ordersIn(place);
    const call = () => orders.updateMany({ active: true }, { $inc: { visits: 1 } });
    const { result, ...measured } = await watched(orders, documents, call);
    return { ...measured, count: result.modifiedCount };
  },

  /** Deletes all documents by one call. */
  async deleteMany({ documents, ...place }: Place & { readonly documents: number }) {
    const orders = await ordersIn(place);
    const { result, ...measured } = await watched(orders, documents * 2, () => orders.deleteMany({ active: true }));
    return { ...measured, count: result.deletedCount };
  },
};

export type LongTasks = typeof tasks;

const POLL_MS = 100;

/** How far a call has come is seen by the records that it has made. */
async function watched<T>(orders: VersionedOrders, records: number, call: () => Promise<T>) {
  const watch = new MemoryWatch(records, liveHeap);
  const versions = orders.db.collection(`${orders.collection.name}_ver`);
  const looking = setInterval(async () => watch.at(await versions.estimatedDocumentCount()), POLL_MS);
  const started = performance.now();
  const result = await call().finally(() => clearInterval(looking));
  return { result, seconds: (performance.now() - started) / 1000, grownMB: watch.grown() };
}

offer(tasks);
