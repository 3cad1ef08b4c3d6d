import type { mongo } from 'mongoose';
import { canonicalKey } from '../bson/canonical-key.ts';
import type { PastQuery } from './past-query.ts';

/** The first of each value. */
export function distinctValues(values: readonly unknown[]): unknown[] {
  const byKey = new Map<string, unknown>();
  for (const value of values) {
    const key = canonicalKey(value);
    if (!byKey.has(key)) byKey.set(key, value);
  }
  return [...byKey.values()];
}

/** The same under a collation, which only the server can tell. */
export async function distinctUnder(
  db: mongo.Db,
  shared: PastQuery['shared'],
  values: readonly unknown[],
): Promise<unknown[]> {
  const documents = values.map((value) => ({ value: { $literal: value } }));
  const groups = db.aggregate([{ $documents: documents }, { $group: { _id: '$value' } }], shared);
  return (await groups.toArray()).map(({ _id }) => _id as unknown);
}
