import { isProxy } from 'node:util/types';
import { Descent } from '../descent.ts';
import { ConfigError } from '../errors.ts';
import { formatPath, type Path } from '../format-path.ts';
import { isPlainObject } from '../plain-object.ts';

/** Names that lead to a prototype, or that make the serializer take a document for a value of its own. */
const REFUSED_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype', '_bsontype', 'toBSON']);
const MAX_VALUES = 250_000;

type Fields = Record<string, unknown>;

/**
 * A copy of what a caller wants stored: plain objects and arrays of values that BSON knows, and nothing that runs code
 * or passes for something else when it is looked at again.
 *
 * @param what it is for, in words
 * @throws ConfigError that tells where something else is, and never what
 */
export function checkedData(what: string, data: unknown): Fields {
  const copy = new Copier(what).copy(data);
  if (!isPlainObject(copy)) throw new ConfigError({ message: `Cannot ${what}: expected an object` });
  for (const key of Object.keys(copy)) {
    const isOdd = key.startsWith('$') || key.includes('.') || key === '';
    if (isOdd) throw refusal(what, [key], 'has a name that is empty, begins with $ or has a dot');
  }
  return copy;
}

/** The same of a filter or a part of one, where what is undefined must not pass for what was never asked for. */
export function checkedCondition(what: string, value: unknown): unknown {
  return new Copier(what, true).copy(value);
}

class Copier {
  readonly #descent: Descent;
  readonly #refusesUndefined: boolean;

  constructor(what: string, refusesUndefined = false) {
    this.#descent = new Descent(MAX_VALUES, (path, why) => refusal(what, path, why));
    this.#refusesUndefined = refusesUndefined;
  }

  copy(value: unknown): unknown {
    this.#descent.count();
    if (value === undefined && this.#refusesUndefined) throw this.#descent.refused('is undefined');
    if (typeof value === 'function' || typeof value === 'symbol') throw this.#descent.refused(`is a ${typeof value}`);
    if (typeof value !== 'object' || value === null) return value;
    if (isProxy(value)) throw this.#descent.refused('is a Proxy');
    if (Array.isArray(value)) return this.#descent.inside(value, () => this.#items(value));
    if (isPlainObject(value)) return this.#descent.inside(value, () => this.#fields(value));
    if (isValue(value)) return value;
    throw this.#descent.refused('is an instance of a class. Give its plain content');
  }

  #items(items: readonly unknown[]): unknown[] {
    if (Object.getPrototypeOf(items) !== Array.prototype) throw this.#descent.refused('is no plain array');
    return Array.from({ length: items.length }, (_, index) => this.#at(items, index));
  }

  #fields(fields: object): Fields {
    const entries: [string, unknown][] = [];
    for (const key of Object.keys(fields)) {
      const isRefused = REFUSED_KEYS.has(key) || key.includes('\0');
      if (isRefused) throw this.#descent.refused('has a key that is not allowed');
      const value = this.#at(fields, key);
      if (value !== undefined) entries.push([key, value]);
    }
    return Object.fromEntries(entries);
  }

  /** An item or a field as it is stored there: what has a getter may be something else each time. */
  #at(container: object, step: string | number): unknown {
    const property = Object.getOwnPropertyDescriptor(container, step);
    return this.#descent.at(step, () => {
      if (property !== undefined && !('value' in property)) throw this.#descent.refused('has a getter');
      return this.copy(property?.value);
    });
  }
}

/** Dates, patterns, bytes and values of BSON, which are marked by their class and never by a field of their own. */
function isValue(value: object): boolean {
  if (value instanceof Date || value instanceof RegExp || value instanceof Uint8Array) return hasOnlyData(value);
  return typeof (value as { _bsontype?: unknown })._bsontype === 'string' && !Object.hasOwn(value, '_bsontype');
}

function hasOnlyData(value: object): boolean {
  return !('toBSON' in value) && !('_bsontype' in value);
}

function refusal(what: string, path: Path, why: string): ConfigError {
  const where = path.length === 0 ? 'it' : formatPath(path);
  return new ConfigError({ message: `Cannot ${what}: ${where} ${why}` });
}
