import { encodedSize } from '../bson/elements.ts';
import { rebuild } from '../bson/rebuild.ts';

/** What bookkeeping says of where a payload is kept, which is of no use anywhere else. */
const OF_PAYLOAD = new Set(['state', 'payload', 'blobs', 'incarnation']);

/** A head or a record that has all of its document, without what says where its payload is kept. */
export function withoutPayload(bytes: Uint8Array): Uint8Array {
  return rebuild(bytes, 0, encodedSize(bytes), (key, { type, value, end }) => {
    if (key !== '_system') return 'keep';
    return { type, bytes: rebuild(bytes, value, end, (field) => (OF_PAYLOAD.has(field) ? 'drop' : 'keep')) };
  });
}
