import type { Model } from 'mongoose';
import type { Filter } from '../commit/captured-write.ts';
import { ConfigError } from '../errors.ts';
import { isPlainObject } from '../plain-object.ts';
import { rowsOf } from '../system/rows.ts';

type Conditions = Readonly<Record<string, unknown>>;

/** A filter as it is sent to the server: that of the model, narrowed to its part of the collection. */
export function castFilter(model: Model<unknown>, filter?: Conditions): Filter {
  const own = modelFilter(model, filter);
  const rows = rowsOf(model);
  return rows === undefined ? own : (rows.filter(own) as Filter);
}

/** A filter as the model's own queries have it: cast by the schema, and narrowed to the discriminator of the model. */
export function modelFilter(model: Model<unknown>, filter: Conditions = {}): Filter {
  const cast = model.find().cast(model as never, withOwnLists(filter)) as Filter;
  const { discriminatorMapping: mapping } = model.schema as unknown as {
    discriminatorMapping?: { key: string; value: unknown; isRoot: boolean };
  };
  return mapping === undefined || mapping.isRoot ? cast : { ...cast, [mapping.key]: mapping.value };
}

/**
 * A filter that leaves no doubt: a condition that is undefined, or that `strictQuery` leaves out, would have more
 * documents restored or erased than are meant.
 *
 * @throws ConfigError
 */
export function meantFilter(model: Model<unknown>, what: 'restore' | 'erase', filter: Conditions): Filter {
  if (typeof filter !== 'object' || filter === null) throw refused(model, what, 'its filter is no object');
  const asked = conditionsOf(filter);
  const cast = conditionsOf(modelFilter(model, filter));
  const count = (all: readonly Condition[], name: string) => all.filter(([key]) => key === name).length;
  const lost = asked.find(([key, value]) => hasUndefined(value) || count(cast, key) < count(asked, key));
  if (lost === undefined) return castFilter(model, filter);
  throw refused(model, what, `the condition for ${lost[0]} is undefined, or its schema does not know it`);
}

function refused({ modelName }: Model<unknown>, what: string, why: string): ConfigError {
  return new ConfigError({ message: `Cannot ${what} documents of ${modelName}: ${why}` });
}

type Condition = readonly [key: string, value: unknown];

/** All conditions of a filter, also those in lists. */
function conditionsOf(filter: Conditions): readonly Condition[] {
  return Object.entries(filter).flatMap(([key, value]) => {
    const listed = isList(key, value) ? value.filter(isPlainObject).flatMap(conditionsOf) : [];
    return [[key, value] as const, ...listed];
  });
}

/** A copy: a cast changes the lists that it is given, and takes conditions out of them. */
function withOwnLists(filter: Conditions): Record<string, unknown> {
  const copied = (one: unknown) => (isPlainObject(one) ? withOwnLists(one) : one);
  return Object.fromEntries(
    Object.entries(filter).map(([key, value]) => [key, isList(key, value) ? value.map(copied) : value]),
  );
}

function isList(key: string, value: unknown): value is readonly unknown[] {
  return (key === '$and' || key === '$or' || key === '$nor') && Array.isArray(value);
}

function hasUndefined(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasUndefined);
  return value === undefined || (isPlainObject(value) && Object.values(value).some(hasUndefined));
}
