/** A body as pieces of bytes, whatever form it came in. */
export async function* piecesOf(body: Uint8Array | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (body instanceof Uint8Array) yield body;
  else yield* body;
}

/** The same bytes in parts of one size; only the last may be shorter. An empty body has one empty part. */
export async function* partsOf(
  body: Uint8Array | AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array, void> {
  let gathered: Uint8Array[] = [];
  let length = 0;
  let count = 0;
  for await (const piece of piecesOf(body)) {
    for (let start = 0; start < piece.length; ) {
      const taken = piece.subarray(start, start + size - length);
      gathered.push(taken);
      length += taken.length;
      start += taken.length;
      if (length < size) continue;
      yield joined(gathered);
      count++;
      gathered = [];
      length = 0;
    }
  }
  if (length > 0 || count === 0) yield joined(gathered);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
}

/** The part of a whole that a half-open range names. */
export function rangeOf(length: number, range: { readonly start: number; readonly end?: number | undefined }) {
  return { start: Math.min(range.start, length), end: Math.min(range.end ?? length, length) };
}
