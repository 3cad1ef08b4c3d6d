import iconv from 'iconv-lite';
import { ConfigError } from '../errors.ts';

/** The charsets a text can be in, all by their registered names, in lower case. */
const CHARSETS: ReadonlySet<string> = new Set([
  'utf-8',
  'utf-16le',
  'utf-16be',
  'us-ascii',
  'iso-8859-1',
  'iso-8859-2',
  'iso-8859-15',
  ...Array.from({ length: 9 }, (_, index) => `windows-125${index}`),
  'koi8-r',
  'shift_jis',
  'euc-jp',
  'euc-kr',
  'gb18030',
  'big5',
]);

/**
 * Refuses a charset that texts could not be read in.
 *
 * @throws ConfigError
 */
export function assertCharset(charset: string, path: string): void {
  if (CHARSETS.has(charset.toLowerCase()) && iconv.encodingExists(charset)) return;
  throw new ConfigError({
    message: `Cannot read ${JSON.stringify(path)} as text in ${JSON.stringify(charset)}: expected one of ${[...CHARSETS].join(', ')}`,
  });
}

/** The text that bytes are in a charset, a byte order mark left out; undefined where they are no text in it. */
export function decodeText(bytes: Uint8Array, charset: string): string | undefined {
  const text = iconv.decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), charset);
  return text.includes('\uFFFD') || hasManyControls(text) ? undefined : text;
}

/** Above this share of control characters, bytes are no text whatever their charset says. */
const MOST_CONTROLS = 0.05;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is counted
const CONTROL = /[\0-\x08\x0b\x0e-\x1f\x7f]/g;

function hasManyControls(text: string): boolean {
  return (text.match(CONTROL)?.length ?? 0) > text.length * MOST_CONTROLS;
}
