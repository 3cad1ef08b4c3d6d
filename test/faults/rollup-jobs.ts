import type { Connection, Mongoose } from 'mongoose';
import { type ChronosModelType, chronos, type FilePayloadStore } from '../../src/index.ts';
import { retain } from '../support/retain.ts';

/** Documents whose old versions leave for manifests in a directory. */
export interface Entry {
  _id: string;
  n: number;
}

export type EntryModel = ChronosModelType<Entry>;

const DAY = 86_400_000;
const NOW = Date.now();
/** When the versions that are there at first were written. */
export const INSTANTS = [200, 160, 120, 80, 0.5].map((days) => new Date(NOW - days * DAY));
export const NEWEST = INSTANTS.length - 1;
export const IDS = ['kept', 'erased', 'held', 'gone'] as const;

/** A clock that can be put back. */
export interface SetClock {
  at: Date | undefined;
  now(): Date;
}

export function entryModel(
  mongoose: Mongoose,
  collection: string,
  versions: FilePayloadStore,
  connection: Connection = mongoose.connection,
) {
  const clock: SetClock = { at: undefined, now: () => clock.at ?? new Date() };
  const schema = new mongoose.Schema<Entry, EntryModel>({ _id: String, n: Number } as never, {
    collection,
    autoIndex: false,
    autoCreate: false,
  });
  schema.plugin(chronos, { clock, retention: { days: 30, rollup: { versions, prefix: 'app' } } });
  return { Model: connection.model<Entry, EntryModel>(collection, schema), clock };
}

/** Documents of five versions each, of which four are old; `gone` is deleted. */
export async function seedEntries({ Model, clock }: ReturnType<typeof entryModel>): Promise<void> {
  for (const [n, at] of INSTANTS.entries()) {
    clock.at = at;
    for (const _id of IDS) await Model.updateOne({ _id }, { n }, { upsert: true });
  }
  await Model.deleteOne({ _id: 'gone' });
  clock.at = undefined;
}

const BEFORE = new Date(NOW - 100 * DAY);

/** What moves versions to manifests, from there, and what takes them away. Some come after others. */
export const JOBS = {
  rollup: retain,
  thaw: (Model: EntryModel) => askAll(Model),
  freeze: retain,
  drop: (Model: EntryModel) => Model.dropManifests({ before: BEFORE }, { confirm: true }),
  erase: (Model: EntryModel) => Model.hardDelete({ id: 'erased' }, { confirm: true }),
} as const;

export type Job = keyof typeof JOBS;

/** What has been done before a job. */
export async function prepare(job: Job, { Model, clock }: ReturnType<typeof entryModel>): Promise<void> {
  if (job === 'rollup') return;
  await retain(Model);
  if (job === 'thaw') return;
  // Long enough ago to be frozen again.
  clock.at = new Date(Date.now() - DAY / 12);
  await askAll(Model);
  clock.at = undefined;
  if (job === 'drop') await Model.hold('held');
}

/** Reads that only the server can answer, of each old instant. */
export async function askAll(Model: EntryModel): Promise<Entry[][]> {
  const answers: Entry[][] = [];
  for (const at of INSTANTS)
    answers.push(
      await Model.asOf(at)
        .find({ _id: { $in: IDS } as never })
        .sort('_id')
        .lean<Entry[]>(),
    );
  return answers;
}
