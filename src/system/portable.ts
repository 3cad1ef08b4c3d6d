import { encodedSize } from '../bson/elements.ts';
import { rebuild } from '../bson/rebuild.ts';

/** What bookkeeping says of where a version and its payload are kept, which is of no use anywhere else. */
const OF_PLACE = new Set(['state', 'payload', 'blobs', 'incarnation', 'thawed']);

/** A head or a record that has all of its document, without what says where it is kept. */
export function portable(bytes: Uint8Array): Uint8Array {
  return rebuild(bytes, 0, encodedSize(bytes), (key, { type, value, end }) => {
    if (key !== '_system') return 'keep';
    return { type, bytes: rebuild(bytes, value, end, (field) => (OF_PLACE.has(field) ? 'drop' : 'keep')) };
  });
}
