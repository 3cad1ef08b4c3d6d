/** What a base64 property holds. */
export interface Base64Text {
  readonly bytes: Buffer;
  /** What stands before the base64 itself, such as `data:image/png;base64,`; empty where nothing does. */
  readonly head: string;
}

/**
 * The bytes of a base64 string, if encoding them again gives the very same string; else undefined, and the string is to
 * be kept as it is. So line breaks, missing padding, the URL alphabet and stray bits all stay what they are.
 *
 *     'YWI='                          data:image/png;base64,YWI=
 */
export function decodeBase64(text: string): Base64Text | undefined {
  const head = headOf(text);
  const encoded = text.slice(head.length);
  if (encoded === '' || encoded.length % 4 !== 0) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  return bytes.toString('base64') === encoded ? { bytes, head } : undefined;
}

/** Of a long text at once, in characters: whole groups of four. */
const PIECE = 2 ** 20;

/** Whether {@link decodeBase64} gives bytes, told without holding all of them. Undefined where not; else what is before. */
export function strictHeadOf(text: string): string | undefined {
  const head = headOf(text);
  if (text.length === head.length || (text.length - head.length) % 4 !== 0) return undefined;
  for (let at = head.length; at < text.length; at += PIECE) {
    const piece = text.slice(at, at + PIECE);
    const isLast = at + PIECE >= text.length;
    if (!isLast && piece.endsWith('=')) return undefined;
    if (Buffer.from(piece, 'base64').toString('base64') !== piece) return undefined;
  }
  return head;
}

/** The bytes of a strict base64 string behind its head, piece by piece. */
export async function* decodedPieces(text: string, head: string): AsyncGenerator<Buffer> {
  for (let at = head.length; at < text.length; at += PIECE) yield Buffer.from(text.slice(at, at + PIECE), 'base64');
}

export function encodeBase64({ bytes, head }: { readonly bytes: Uint8Array; readonly head: string }): string {
  const { buffer, byteOffset, byteLength } = bytes;
  return head + Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}

/** How many bytes a base64 string stands for, at most: told by its length, without decoding it. */
export function decodedLength(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return Math.max(0, Math.floor(((text.length - headOf(text).length) * 3) / 4) - padding);
}

/** The longest head that is looked for: beyond it a string is no data URL, whatever it begins with. */
const LONGEST_HEAD = 256;
const HEAD = /^data:[\w!#$&^.+/-]*(?:;[\w!#$&^.+-]+=[\w!#$&^.+"-]*)*;base64,/i;

function headOf(text: string): string {
  if (!text.startsWith('data:')) return '';
  return HEAD.exec(text.slice(0, LONGEST_HEAD))?.[0] ?? '';
}
