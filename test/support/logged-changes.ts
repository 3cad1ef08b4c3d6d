import type { mongo } from 'mongoose';
import { headsOf } from './stored.ts';
import type { SampleModel } from './write-paths.ts';

type Raw = Record<string, unknown>;

export interface Change {
  readonly id: unknown;
  readonly change: 'insert' | 'change' | 'delete';
}

interface Logged<T> {
  readonly result: T;
  /** In the order made. */
  readonly changes: Change[];
}

const KINDS: Record<string, Change['change']> = {
  insert: 'insert',
  update: 'change',
  replace: 'change',
  delete: 'delete',
};

const END = '(the end of the run)';

/** What `write` does to the documents of a model without history, as the server's own log tells it. */
export async function changesDuring<T>(model: SampleModel, write: () => Promise<T>): Promise<Logged<T>> {
  const collection = headsOf(model);
  const startAtOperationTime = await now(model);
  const result = await write();
  await collection.insertOne({ _id: END as never });
  const stream = collection.watch([], { startAtOperationTime, promoteValues: false, promoteLongs: false });
  return { result, changes: await changesUntilEnd(stream) };
}

/** The instant after what was written so far, by the clock of the server's log. */
async function now(model: SampleModel): Promise<mongo.Timestamp> {
  const { operationTime } = await model.db.db!.command({ ping: 1 });
  const { t, i } = operationTime as mongo.Timestamp;
  return new model.base.mongo.Timestamp({ t, i: i + 1 }) as mongo.Timestamp;
}

async function changesUntilEnd(stream: mongo.ChangeStream<Raw>): Promise<Change[]> {
  const changes: Change[] = [];
  for await (const event of stream as AsyncIterable<Raw>) {
    const id = (event.documentKey as Raw)._id;
    if (String(id) === END) break;
    changes.push({ id, change: KINDS[String(event.operationType)] as Change['change'] });
  }
  await stream.close();
  return changes;
}
