import type { Model, mongo } from 'mongoose';

type Raw = Record<string, unknown>;
type AnyModel = Pick<Model<never>, 'collection' | 'db'>;

/** What is stored for a model, read past the library: heads, version records, and whole histories. */

export function headsOf(model: unknown): mongo.Collection<Raw> {
  const { db, collection } = model as AnyModel;
  return db.db!.collection<Raw>(collection.collectionName) as unknown as mongo.Collection<Raw>;
}

export function recordsOf(model: unknown): mongo.Collection<Raw> {
  const { db, collection } = model as AnyModel;
  return db.db!.collection<Raw>(`${collection.collectionName}_ver`) as unknown as mongo.Collection<Raw>;
}

export interface StoredVersion {
  readonly ov: number;
  /** The document without its bookkeeping; null for a tombstone. */
  readonly content: Raw | null;
  readonly system: Raw;
}

/** All versions of a document from the first to the head. */
export async function storedVersions(model: unknown, id: unknown): Promise<StoredVersion[]> {
  const records = await recordsOf(model)
    .find({ '_id.id': id } as Raw, { sort: { '_id.ov': 1 } })
    .toArray();
  const past = records.map(({ _id, _system, ...content }): StoredVersion => {
    const system = _system as Raw;
    const { ov } = _id as unknown as { ov: number };
    return { ov, system, content: system.deleted === true ? null : { _id: id, ...content } };
  });
  const head = await headsOf(model).findOne({ _id: id } as Raw);
  if (head === null) return past;
  const { _system = {}, ...content } = head;
  const system = _system as Raw;
  return [...past, { ov: Number(system.ov ?? 0), system, content }];
}

/** Numbers of a document's versions, which are to be 0, 1, 2 and so on. */
export async function numbersOf(model: unknown, id: unknown): Promise<number[]> {
  return (await storedVersions(model, id)).map(({ ov }) => ov);
}

export function upTo(last: number): number[] {
  return Array.from({ length: last + 1 }, (_, ov) => ov);
}
