import { type AnyDocument, definedFields, isDocument } from '../bson/equality.ts';
import { asStored, kindOf } from '../bson/kind.ts';
import { formatPath } from '../history/format-path.ts';

/** A patch is not one that can be merged. */
export class PatchRefused extends Error {
  override readonly name = 'PatchRefused';
  readonly path: readonly (string | number)[];
  readonly why: string;

  constructor(path: readonly (string | number)[], why: string) {
    super(path.length === 0 ? `Patch ${why}` : `Patch at ${formatPath(path)} ${why}`);
    this.path = path;
    this.why = why;
  }
}

/** A name that leads to a prototype, or that makes the serializer take a document for a value of its own. */
const REFUSED_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype', '_bsontype']);
const MAX_DEPTH = 100;
const MAX_NODES = 1_000_000;

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
  readonly #path: (string | number)[] = [];
  /** The documents and arrays that the value at hand lies in. */
  readonly #around = new Set<object>();
  #nodes = 0;

  copy(value: unknown): unknown {
    this.#nodes += 1;
    if (this.#nodes > MAX_NODES) throw this.#refused(`has more than ${MAX_NODES} values`);
    const stored = asStored(value);
    if (Array.isArray(stored)) return this.#inside(stored, () => this.#copyItems(stored));
    if (isDocument(stored)) return this.#inside(stored, () => this.#copyFields(stored));
    return kindOf(stored) === 'undefined' ? undefined : stored;
  }

  #inside<T>(container: object, copy: () => T): T {
    if (this.#around.has(container)) throw this.#refused('contains itself');
    if (this.#path.length >= MAX_DEPTH) throw this.#refused(`is more than ${MAX_DEPTH} levels deep`);
    this.#around.add(container);
    const copied = copy();
    this.#around.delete(container);
    return copied;
  }

  #copyItems(items: readonly unknown[]): unknown[] {
    const copies: unknown[] = [];
    for (const [index, item] of items.entries()) {
      const copy = this.#copyAt(index, item);
      if (copy !== undefined) copies.push(copy);
    }
    return copies;
  }

  #copyFields(document: AnyDocument): AnyDocument {
    const fields: [string, unknown][] = [];
    for (const [name, value] of definedFields(document)) {
      const copy = this.#copyAt(name, value);
      if (copy !== undefined) fields.push([name, copy]);
    }
    return document instanceof Map ? new Map(fields) : Object.fromEntries(fields);
  }

  #copyAt(step: string | number, value: unknown): unknown {
    this.#path.push(step);
    if (typeof step === 'string' && REFUSED_KEYS.has(step)) throw this.#refused('has a key that is not allowed');
    const copy = this.copy(value);
    this.#path.pop();
    return copy;
  }

  #refused(why: string): PatchRefused {
    return new PatchRefused([...this.#path], why);
  }
}
