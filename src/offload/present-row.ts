import { topLevel } from '../bson/exact.ts';
import { PayloadMissingError } from '../errors.ts';
import { systemOfBytes } from '../system/bookkeeping.ts';
import type { VersionFields } from '../types.ts';
import { isErased } from './is-erased.ts';
import { rowOf } from './row.ts';
import type { Offloading } from './upload-row.ts';

/** A row, and all of its document. */
export interface PresentRow {
  readonly row: Uint8Array;
  readonly document: Uint8Array;
}

/** Puts a row together with what of it is in object storage. */
export type ReadRow = (row: Uint8Array) => Uint8Array | Promise<Uint8Array>;

/**
 * A row with all of its document. Where no versions are kept, its objects go when another version takes its place: then
 * it is that one; undefined where the document is gone altogether, or was erased meanwhile.
 *
 * @param versioning whether superseded versions are kept
 * @throws PayloadMissingError where nothing tells that its objects may be gone
 */
export async function presentRow(
  target: Offloading,
  versioning: boolean,
  row: Uint8Array,
  read: ReadRow,
): Promise<PresentRow | undefined> {
  let current = row;
  for (;;) {
    try {
      return { row: current, document: await read(current) };
    } catch (error) {
      if (!(error instanceof PayloadMissingError)) throw error;
      const next = await byNow(target, versioning, current);
      if (next === undefined) return undefined;
      if (Buffer.compare(next, current) === 0) throw error;
      current = next;
    }
  }
}

/** What has become of a row whose objects are missing: itself, where nothing tells that they may be. */
async function byNow(target: Offloading, versioning: boolean, row: Uint8Array): Promise<Uint8Array | undefined> {
  const { bson, head } = target;
  if (topLevel(bson, row, '_id') === undefined) return row;
  const { until }: VersionFields = systemOfBytes(bson, row);
  const one = rowOf(bson, row, until === undefined);
  if (versioning) return (await isErased(target, one)) ? undefined : row;
  const next = await head.findOne({ _id: { $eq: one.id as never } }, { raw: true, readPreference: 'primary' });
  return next === null ? undefined : (next as unknown as Uint8Array);
}
