import type { Variant } from './compare.ts';
import { insertOrders, type OrderModel, order } from './documents.ts';

/** A workload on one model, and what its history must hold after `done` operations. */
export interface Workload extends Variant {
  readonly done: () => number;
}

export interface SingleWrite {
  readonly name: string;
  readonly goals: Readonly<Record<number, number>>;
  readonly means: string;
  readonly workload: (model: OrderModel) => Promise<Workload>;
  readonly recordsPerWrite: number;
}

const POOL = 2_000;
const DELETE_POOL = 12_000;

/** What an update is to reach at so many callers. */
export const UPDATE_GOALS = { 1: 0.6, 16: 1.5, 64: 3 } as const;

/** The writes of one document that are measured, and what they are to reach at so many callers. */
export const SINGLE_WRITES: readonly SingleWrite[] = [
  {
    name: 'create',
    goals: { 1: 0.95, 16: 1.5, 64: 2.5 },
    means: 'new documents a second',
    recordsPerWrite: 0,
    async workload(model) {
      let n = 0;
      return { operation: () => model.create(order(n++)), done: () => n };
    },
  },
  {
    name: 'findOneAndUpdate',
    goals: UPDATE_GOALS,
    means: 'changes a second that return the document as it was',
    recordsPerWrite: 1,
    workload: (model) => updating(model, (id, n) => model.findOneAndUpdate({ _id: id }, { $set: { score: n } })),
  },
  {
    name: 'findOneAndUpdate (new)',
    goals: UPDATE_GOALS,
    means: 'changes a second that return the changed document',
    recordsPerWrite: 1,
    workload: (model) =>
      updating(model, (id, n) =>
        model.findOneAndUpdate({ _id: id }, { $set: { score: n } }, { returnDocument: 'after' }),
      ),
  },
  {
    name: 'updateOne',
    goals: UPDATE_GOALS,
    means: 'changes a second that return counts',
    recordsPerWrite: 1,
    workload: (model) =>
      updating(model, (id, n) => model.updateOne({ _id: id }, { $set: { score: n }, $inc: { visits: 1 } })),
  },
  {
    name: 'load+save',
    goals: { 1: 0.65, 16: 1, 64: 1.5 },
    means: 'documents a second that are read, changed and saved',
    recordsPerWrite: 1,
    workload: (model) =>
      updating(model, async (id, n) => {
        const document = await model.findById(id).orFail();
        document.score = n;
        return document.save();
      }),
  },
  {
    name: 'deleteOne',
    goals: { 1: 0.45, 16: 1.2, 64: 2.5 },
    means: 'documents a second that are removed, and can be brought back',
    recordsPerWrite: 2,
    async workload(model) {
      const ids: unknown[] = [];
      let done = 0;
      return {
        async prepare() {
          ids.push(...(await insertOrders(model, DELETE_POOL - ids.length)));
        },
        operation() {
          const id = ids.pop();
          if (id === undefined) return undefined;
          done++;
          return model.deleteOne({ _id: id });
        },
        done: () => done,
      };
    },
  },
];

async function updating(model: OrderModel, change: (id: unknown, n: number) => Promise<unknown>): Promise<Workload> {
  const ids = await insertOrders(model, POOL);
  let n = 0;
  return {
    operation() {
      n++;
      return change(ids[n % POOL], n);
    },
    done: () => n,
  };
}
