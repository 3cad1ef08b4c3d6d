import type { mongo } from 'mongoose';
import { decodeExact } from '../bson/exact.ts';
import { DocumentTooLargeError } from '../errors.ts';
import { MAX_DOCUMENT_BYTES } from '../system/document-limit.ts';
import { MAJORITY } from '../system/majority.ts';
import { overwrite } from '../system/overwrite.ts';
import type { RawDocument } from '../types.ts';
import { flipState } from './flip-state.ts';
import type { PresentRow } from './present-row.ts';
import { inState, rowOf, stillThere } from './row.ts';
import type { Offloading } from './upload-row.ts';

/**
 * Puts what is missing of a document back into MongoDB. It is no change of it, and makes no version.
 *
 * @throws DocumentTooLargeError for one that has no room there beside what it refers to
 */
export async function bringBack(
  { bson, head }: Offloading,
  { row, document }: PresentRow,
  session: mongo.ClientSession | undefined,
): Promise<void> {
  const whole = inState(bson, document, 'new');
  const found = rowOf(bson, row, true);
  if (whole.length > MAX_DOCUMENT_BYTES) throw new DocumentTooLargeError(head.collectionName, found.id);
  const put = (options: mongo.ReplaceOptions) =>
    overwrite(head, stillThere(found), decodeExact(bson, whole) as RawDocument, options);
  // In a transaction a refusal is the end of it.
  await (session === undefined ? flipState((flip) => put({ ...MAJORITY, ...flip })) : put({ session }));
}
