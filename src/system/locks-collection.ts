import type { mongo } from 'mongoose';
import type { RawDocument } from '../types.ts';

/**
 * `<collection>_locks`: what is to be known of a collection besides its documents and versions. Records of several kinds
 * are told apart by their `_id`: calls that had an `opId`, erasures, holds, swept objects, places of objects,
 * manifests, what stays of documents in MongoDB, how far retention has come, and the numbers of what has left. Those
 * with `at` go after 30 days.
 */
export function locksOf<T extends mongo.Document>(head: mongo.Collection<RawDocument>): mongo.Collection<T> {
  const { db } = head as unknown as { db: mongo.Db };
  return db.collection<T>(`${head.collectionName}_locks`);
}
