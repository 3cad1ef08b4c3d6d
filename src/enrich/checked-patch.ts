import { type AnyDocument, definedFields, isDocument } from '../bson/equality.ts';
import { asStored, kindOf } from '../bson/kind.ts';
import { Descent } from '../descent.ts';
import { formatPath, type Path } from '../format-path.ts';

/** A patch is not one that can be merged. */
export class PatchRefused extends Error {
  override readonly name = 'PatchRefused';
  readonly path: Path;
  readonly why: string;

  constructor(path: Path, why: string) {
    super(path.length === 0 ? `Patch ${why}` : `Patch at ${formatPath(path)} ${why}`);
    this.path = path;
    this.why = why;
  }
}

/** A name that leads to a prototype, or that makes the serializer take a document for a value of its own. */
const REFUSED_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype', '_bsontype']);
const MAX_VALUES = 1_000_000;

/**
 * A copy of a patch as it would be stored: documents and arrays of its own, without anything that is `undefined`.
 *
 * @throws PatchRefused if a key is refused, it contains itself, or it is too deep or too large
 */
export function checkedPatch(patch: unknown): AnyDocument {
  const copy = new PatchCopier().copy(patch);
  if (!isDocument(copy)) throw new PatchRefused([], 'is not an object');
  return copy;
}

class PatchCopier {
  readonly #descent = new Descent(MAX_VALUES, (path, why) => new PatchRefused(path, why));

  copy(value: unknown): unknown {
    this.#descent.count();
    const stored = asStored(value);
    if (Array.isArray(stored)) return this.#descent.inside(stored, () => this.#copyItems(stored));
    if (isDocument(stored)) return this.#descent.inside(stored, () => this.#copyFields(stored));
    return kindOf(stored) === 'undefined' ? undefined : stored;
  }

  #copyItems(items: readonly unknown[]): unknown[] {
    const copies: unknown[] = [];
    for (const [index, item] of items.entries()) {
      const copy = this.#descent.at(index, () => this.copy(item));
      if (copy !== undefined) copies.push(copy);
    }
    return copies;
  }

  #copyFields(document: AnyDocument): AnyDocument {
    const fields: [string, unknown][] = [];
    for (const [name, value] of definedFields(document)) {
      const copy = this.#descent.at(name, () => this.#copyField(name, value));
      if (copy !== undefined) fields.push([name, copy]);
    }
    return document instanceof Map ? new Map(fields) : Object.fromEntries(fields);
  }

  #copyField(name: string, value: unknown): unknown {
    if (REFUSED_KEYS.has(name)) throw this.#descent.refused('has a key that is not allowed');
    return this.copy(value);
  }
}
