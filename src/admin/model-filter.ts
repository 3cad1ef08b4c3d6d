import type { Model } from 'mongoose';
import type { Filter } from '../commit/captured-write.ts';
import { ConfigError } from '../errors.ts';
import { rowsOf } from '../system/rows.ts';

/** A filter as it is sent to the server: that of the model, narrowed to its part of the collection. */
export function castFilter(model: Model<unknown>, filter?: Readonly<Record<string, unknown>>): Filter {
  const own = modelFilter(model, filter);
  const rows = rowsOf(model);
  return rows === undefined ? own : (rows.filter(own) as Filter);
}

/** A filter as the model's own queries have it: cast by the schema, and narrowed to the discriminator of the model. */
export function modelFilter(model: Model<unknown>, filter: Readonly<Record<string, unknown>> = {}): Filter {
  const cast = model.find().cast(model as never, { ...filter }) as Filter;
  const { discriminatorMapping: mapping } = model.schema as unknown as {
    discriminatorMapping?: { key: string; value: unknown; isRoot: boolean };
  };
  return mapping === undefined || mapping.isRoot ? cast : { ...cast, [mapping.key]: mapping.value };
}

/**
 * A condition that is undefined, or that `strictQuery` leaves out, would have more documents erased than are meant.
 *
 * @throws ConfigError
 */
export function requireMeant(model: Model<unknown>, filter: Readonly<Record<string, unknown>>): void {
  const cast = modelFilter(model, filter);
  const lost = Object.keys(filter).find((key) => filter[key] === undefined || !(key in cast));
  if (lost === undefined) return;
  throw new ConfigError({
    message: `Cannot erase documents of ${model.modelName}: the condition for ${lost} is undefined, or its schema does not know it`,
  });
}
