import { ConfigError } from '../errors.ts';

const LONGEST_KEY = 1024;
const LONGEST_SEGMENT = 255;

/**
 * Refuses what is not a key in every store. A key is a path of segments with `/` between them, 1,024 bytes at most; a
 * segment has 1 to 255 bytes, none of them a control character or a backslash, and does not begin with a dot. So no key
 * leads out of the place where its store keeps it, whatever the store makes of it.
 *
 * @throws ConfigError
 */
export function assertObjectKey(key: string): void {
  const problem = problemOfKey(key);
  if (problem !== undefined) throw refusal(key, problem);
}

/** Refuses what no key begins with. The empty prefix is that of all keys. */
export function assertKeyPrefix(prefix: string): void {
  const problem = prefix === '' ? undefined : problemOfKey(`${prefix}x`);
  if (problem !== undefined) throw refusal(prefix, problem);
}

function refusal(key: string, problem: string): ConfigError {
  return new ConfigError({
    message: `Cannot use ${JSON.stringify(key.slice(0, 80))} as the key of an object: ${problem}`,
  });
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const FORBIDDEN = /[\0-\x1f\x7f\\]/;

function problemOfKey(key: string): string | undefined {
  if (typeof key !== 'string' || key === '') return 'it is empty';
  if (!key.isWellFormed()) return 'it is not valid Unicode';
  if (Buffer.byteLength(key, 'utf8') > LONGEST_KEY) return `it is longer than ${LONGEST_KEY} bytes`;
  if (FORBIDDEN.test(key)) return 'it has a control character or a backslash';
  for (const segment of key.split('/')) {
    if (segment === '') return 'it has an empty segment';
    if (segment.startsWith('.')) return 'a segment begins with a dot';
    if (Buffer.byteLength(segment, 'utf8') > LONGEST_SEGMENT)
      return `a segment is longer than ${LONGEST_SEGMENT} bytes`;
  }
  return undefined;
}

/** The order of listings: that of the UTF-8 bytes. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
}
