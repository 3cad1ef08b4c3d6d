import type { Bson } from '../types.ts';

/** What the serializer has room for by itself. */
const ROOM = 17 * 2 ** 20;
const MOST_ROOM = 2 ** 28;

/**
 * Encodes a document that may be larger than the server takes. The serializer writes into one buffer that does not grow:
 * what has no room there fails, or is cut without a word.
 *
 * @throws RangeError above 256 MiB
 */
export function encodeWhole(bson: Bson, document: object, options: object = {}): Uint8Array {
  for (let room = ROOM; ; room *= 2) {
    const asked: object = { ...options, minInternalBufferSize: room };
    try {
      const bytes = bson.serialize(document, asked);
      if (bytes.length < room) return bytes;
      if (room === MOST_ROOM) throw new RangeError(`The document has more than ${MOST_ROOM} bytes`);
    } catch (error) {
      if (!(error instanceof RangeError) || room === MOST_ROOM) throw error;
    }
  }
}
