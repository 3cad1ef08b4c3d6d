/** Characters that a database's name must not have, on whichever system the server runs. */
const FORBIDDEN = /[/\\. "$*<>:|?\0]/;

/** https://www.mongodb.com/docs/manual/reference/limits/#naming-restrictions */
const MAX_BYTES = 63;

/** The server's own databases. */
const RESERVED = new Set(['admin', 'local', 'config']);

/** What keeps a string from being the name of a database; undefined where nothing does. */
export function problemOfDatabaseName(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (FORBIDDEN.test(name)) return 'has one of the characters / \\ . " $ * < > : | ? or a space, which MongoDB refuses';
  if (Buffer.byteLength(name) > MAX_BYTES) return `is longer than the ${MAX_BYTES} bytes that MongoDB allows`;
  if (RESERVED.has(name.toLowerCase())) return "is one of the server's own";
  return undefined;
}
