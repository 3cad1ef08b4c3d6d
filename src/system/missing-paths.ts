type Document = Readonly<Record<string, unknown>>;

/** The paths at which a document has nothing: no property, null, or an empty string. */
export function missingPaths(document: Document, required: readonly string[]): string[] {
  return required.filter((path) => isMissing(document, path));
}

/** Of what lists hold it may be missing in none. */
function isMissing(value: unknown, path: string): boolean {
  if (path === '') return value === undefined || value === null || value === '';
  if (Array.isArray(value)) return value.some((item) => isMissing(item, path));
  const [key = '', ...rest] = path.split('.');
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return true;
  return isMissing((value as Document)[key], rest.join('.'));
}
