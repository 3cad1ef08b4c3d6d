import { isDeepStrictEqual } from 'node:util';
import type { AnyBulkWriteOperation, Mongoose } from 'mongoose';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import type { MimeEntry, MimeFile, Release } from './releases.ts';

/** A mime type as a document; its name is the `_id`, for names hold dots and slashes. */
export interface MimeType extends MimeEntry {
  _id: string;
}

export type MimeTypeModel = ChronosModelType<MimeType>;

/** An ordinary schema. The one line that keeps every version is `schema.plugin(chronos)`. */
export function mimeTypeModel(mongoose: Mongoose): MimeTypeModel {
  const schema = new mongoose.Schema<MimeType, MimeTypeModel>(
    {
      _id: String,
      source: String,
      charset: String,
      compressible: Boolean,
      extensions: { type: [String], default: undefined },
    },
    { versionKey: false },
  );
  schema.plugin(chronos);
  return mongoose.model<MimeType, MimeTypeModel>('MimeType', schema);
}

/** What one release did to the collection, in documents. */
export interface Replayed {
  readonly release: Release;
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
}

/**
 * Writes the releases one after the other, each as the ordinary Mongoose writes that lead from the release before
 * it to this one, dated with the release's own date and attributed to it.
 */
export async function* replay(model: MimeTypeModel, releases: readonly Release[]): AsyncGenerator<Replayed> {
  let before: MimeFile = {};
  for (const release of releases) {
    const { added, changed, removed } = changesBetween(before, release.file);
    const options = { chronos: { at: release.at, actor: `mime-db ${release.version}`, reason: release.why } };
    const writes = [
      ...added.map((name) => insert(name, release.file[name])),
      ...changed.map((name) => change(name, before[name], release.file[name])),
    ];
    if (writes.length > 0) await model.bulkWrite(writes, options);
    if (removed.length > 0) await model.deleteMany({ _id: { $in: removed } }, options);
    yield { release, added: added.length, changed: changed.length, removed: removed.length };
    before = release.file;
  }
}

/** The names that differ between two files. */
export function changesBetween(
  before: MimeFile,
  after: MimeFile,
): { added: string[]; changed: string[]; removed: string[] } {
  const names = Object.keys(after);
  return {
    added: names.filter((name) => !(name in before)),
    changed: names.filter((name) => name in before && !isDeepStrictEqual(before[name], after[name])),
    removed: Object.keys(before).filter((name) => !(name in after)),
  };
}

const insert = (name: string, entry: MimeEntry = {}): AnyBulkWriteOperation<MimeType> => ({
  insertOne: { document: { _id: name, ...entry } },
});

/** An update of the fields that differ; a replace where a field disappears. */
function change(name: string, before: MimeEntry = {}, after: MimeEntry = {}): AnyBulkWriteOperation<MimeType> {
  const filter = { _id: name };
  const old: Readonly<Record<string, unknown>> = { ...before };
  if (Object.keys(old).some((field) => !(field in after))) return { replaceOne: { filter, replacement: after } };
  const differs = Object.entries(after).filter(([field, value]) => !isDeepStrictEqual(value, old[field]));
  return { updateOne: { filter, update: { $set: Object.fromEntries(differs) } } };
}

/** The mime type with the most versions in these releases; of several, the first by name. */
export function mostChanged(releases: readonly Release[]): string {
  const versions = new Map<string, number>();
  let before: MimeFile = {};
  for (const { file } of releases) {
    const { added, changed, removed } = changesBetween(before, file);
    for (const name of [...added, ...changed, ...removed]) versions.set(name, (versions.get(name) ?? 0) + 1);
    before = file;
  }
  const most = Math.max(...versions.values());
  return [...versions.keys()].filter((name) => versions.get(name) === most).sort()[0] ?? '';
}
