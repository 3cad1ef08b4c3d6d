import { ConfigError } from '../errors.ts';

/** What the library keeps beside a collection, or of its own accord. */
const RESERVED = /(_ver|_counter|_locks)$|^(system\.|cnt_|chronos_fallback_)/;

/**
 * Sees to it that a collection is one that documents may be kept in.
 *
 * @throws ConfigError for what cannot be a collection's name, and for those that the library itself uses
 */
export function requireCollectionName(name: unknown): asserts name is string {
  if (typeof name !== 'string' || name === '' || name.length > 200 || /[$\0]|^\.|\.$/.test(name)) {
    throw new ConfigError({
      message: 'Cannot use this collection: its name must be a string of 1 to 200 characters, without $',
    });
  }
  if (!RESERVED.test(name) && !(name in Object.prototype)) return;
  throw new ConfigError({
    message: `Cannot use the collection ${JSON.stringify(name)}: names like it are those of what the library keeps, or of what every object has. Give it another`,
  });
}
