import type { mongo } from 'mongoose';
import { decodeExact } from '../bson/exact.ts';
import type { RawDocument } from '../types.ts';
import type { Offloading } from './upload-row.ts';

/** What the server gives of documents for a projection, be they in the collection or not. */
export async function projectedByServer(
  { bson, head }: Offloading,
  documents: readonly Uint8Array[],
  projection: RawDocument,
): Promise<Uint8Array[]> {
  const { db } = head as unknown as { db: mongo.Db };
  const given = documents.map((bytes) => ({ document: { $literal: decodeExact(bson, bytes) } }));
  const stages = [{ $documents: given }, { $replaceWith: '$document' }, { $project: projection }];
  return (await db.aggregate(stages, { raw: true }).toArray()) as unknown as Uint8Array[];
}
