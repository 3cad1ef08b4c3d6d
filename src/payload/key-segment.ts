import { sha256 } from './digest.ts';

/** What a segment may have as it is: nothing that S3, a file system or a URL treats specially, and no `!`. */
const PLAIN = /^[A-Za-z0-9_()*'-][A-Za-z0-9_.()*'-]*$/;
/** Far below the 255 bytes of a file name, so that six of them stay within the 1,024 bytes of a key. */
const LONGEST = 120;

/**
 * One segment of a key that no other text has: every byte that is not plain is escaped, and long texts are hashed.
 *
 *     Order-17   Order-17          a/b   a!2fb         .hidden   !2ehidden
 *     é          !c3!a9            ''    !             text of 121 characters   !h2c26b46b68ffc68f…
 *
 * Upper and lower case stay apart, and so do the composed and the decomposed form of a character.
 */
export function keySegment(text: string): string {
  if (text === '') return '!';
  if (PLAIN.test(text)) return bounded(text);
  return bounded([...Buffer.from(text, 'utf8')].map(escapeByte).join(''));
}

function escapeByte(byte: number, index: number): string {
  const character = String.fromCharCode(byte);
  const isPlain = PLAIN.test(character) || (character === '.' && index > 0);
  return isPlain ? character : `!${byte.toString(16).padStart(2, '0')}`;
}

/** The segment, or its hash where it is too long. `!h` begins no other segment: `h` is no hexadecimal digit. */
export function bounded(segment: string): string {
  return segment.length <= LONGEST ? segment : `!h${sha256(Buffer.from(segment, 'utf8'))}`;
}
