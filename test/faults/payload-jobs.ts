import type { FilePayloadStore } from '../../src/index.ts';
import { itemKey } from '../../src/payload/payload-key.ts';
import { offload, type PaperModel, PREFIX, paper, textOf } from './payload-writer.ts';

/** What goes through a whole collection and its objects, beside reads and writes. */
export const JOBS = {
  erase: (Model: PaperModel) => Model.hardDelete({ ids: ['erased', 'gone'] }, { confirm: true }),
  export: (Model: PaperModel, exports: FilePayloadStore) => Model.exportHistory({ store: exports, key: EXPORT }),
  sweep: (Model: PaperModel) => Model.sweep({ confirm: true, graceMs: 0 }),
  retain: (Model: PaperModel) => Model.applyRetention({ confirm: true }),
} as const;

export type Job = keyof typeof JOBS;

export const EXPORT = 'all.ndjson.gz';
export const RETENTION = { maxPerItem: 1 };
/** The newest version of each document that is there at first. */
export const NEWEST = 4;

/** Documents of five versions each, all of them in object storage; `gone` is deleted. */
export async function seedHistories(Model: PaperModel): Promise<void> {
  await Model.insertMany(['kept', 'erased', 'gone'].map((_id) => paper(_id, 0)));
  for (let n = 1; n <= NEWEST; n++) {
    // Every second version repeats what the one before has stored.
    await Model.updateMany({}, { $inc: { n: 1 }, text: textOf(n) });
    if (n % 2 === 0) await offload(Model);
  }
  await Model.deleteOne({ _id: 'gone' });
}

/** Objects that uploads have left which were cut short. */
export async function leaveOrphans(store: FilePayloadStore, collection: string): Promise<void> {
  const address = { prefix: PREFIX, collection, incarnation: '0badcafe' };
  for (const id of ['kept', 'nobody']) await store.put(itemKey({ ...address, id, ov: 9 }), Buffer.from('{}'));
}
