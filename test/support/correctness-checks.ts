import { rejects } from 'node:assert/strict';
import type { ClientSession, Mongoose } from 'mongoose';
import { type Entry, entriesLeftBy, type HistoryLibrary, startAnew } from './history-library.ts';
import type { Ids, SampleModel } from './write-paths.ts';

/** What a history has to be besides complete: the same for us and for others. */
export interface Check {
  readonly name: string;
  /** What is to be found. */
  readonly right: string;
  readonly find: (library: HistoryLibrary) => Promise<string>;
}

type Write = (model: SampleModel, id: Ids, mongoose: Mongoose) => Promise<unknown>;

/** How many entries a write leaves. */
function count(name: string, right: number, write: Write): Check {
  return {
    name,
    right: String(right),
    find: async (library) => String((await left(library, right, write)).length),
  };
}

/** Waits as long as there may be more than are right. */
async function left(library: HistoryLibrary, right: number, write: Write): Promise<Entry[]> {
  await startAnew(library);
  const { versioned, id, mongoose } = library;
  return entriesLeftBy(
    library,
    () => write(versioned, id, mongoose),
    ({ length }) => length > right,
  );
}

async function aborted(mongoose: Mongoose, write: (session: ClientSession) => Promise<unknown>): Promise<void> {
  const session = await mongoose.startSession();
  session.startTransaction();
  await write(session);
  await session.abortTransaction();
  await session.endSession();
}

async function committed(mongoose: Mongoose, write: (session: ClientSession) => Promise<unknown>): Promise<void> {
  const session = await mongoose.startSession();
  session.startTransaction();
  await write(session);
  await session.commitTransaction();
  await session.endSession();
}

const CALLERS = 20;

/** The first sample begins with `n: 1`. */
const rightValues = (entries: readonly Entry[]): number =>
  new Set(entries.map(({ n }) => n).filter((n) => n !== undefined && n > 1 && n <= 1 + CALLERS)).size;

const described = (entries: number, values: number): string => `${entries}; right values: ${values}`;

export const CHECKS: readonly Check[] = [
  count('entries after an aborted transaction, save', 0, (Model, id, mongoose) =>
    aborted(mongoose, async (session) => {
      const sample = await Model.findById(id(1)).session(session).orFail();
      sample.name = 'never';
      await sample.save();
    }),
  ),
  count('entries after an aborted transaction, findOneAndUpdate', 0, (Model, id, mongoose) =>
    aborted(mongoose, async (session) => Model.findOneAndUpdate({ _id: id(1) }, { name: 'never' }, { session })),
  ),
  count('entries after a create that fails by a duplicate key', 0, (Model, id) =>
    rejects(Model.create({ _id: id(9), name: 'never', code: 'a' }), { code: 11000 }),
  ),
  count('entries after a save that fails validation', 0, async (Model, id) => {
    const sample = await Model.findById(id(1)).orFail();
    sample.n = 5_000;
    await rejects(sample.save(), { name: 'ValidationError' });
  }),
  count('entries after a create and an update in one transaction', 2, (Model, id, mongoose) =>
    committed(mongoose, async (session) => {
      await Model.create([{ _id: id(9), name: 'new' }], { session });
      await Model.updateOne({ _id: id(9) }, { name: 'changed' }, { session });
    }),
  ),
  count('entries after updateOne by a filter that three match', 1, (Model) =>
    Model.updateOne({}, { name: 'one of them' }),
  ),
  count('entries after an update that matches nothing', 0, (Model, id) =>
    Model.updateOne({ _id: id(99) }, { name: 'none' }),
  ),
  {
    name: `entries after ${CALLERS} concurrent $inc of one document`,
    right: described(CALLERS, CALLERS),
    find: async (library) => {
      const entries = await left(library, CALLERS, (Model, id) =>
        Promise.all(Array.from({ length: CALLERS }, () => Model.updateOne({ _id: id(1) }, { $inc: { n: 1 } }))),
      );
      return described(entries.length, rightValues(entries));
    },
  },
];
