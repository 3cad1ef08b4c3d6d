import type { AnyModel } from '../capture/install.ts';
import { ConfigError, NotFoundError } from '../errors.ts';

/**
 * An id as the model has it; undefined for one that no document of it can have.
 *
 * @throws ConfigError for what is no id at all: a scalar is asked for, and nothing else passes for one
 */
export function idOf(model: AnyModel, given: unknown): unknown {
  if (!isScalar(given)) {
    throw new ConfigError({
      message: `Cannot find a document of ${model.modelName} by this id: expected a string, a number or an ObjectId`,
    });
  }
  const path = model.schema.path('_id') as { cast?: (value: unknown) => unknown } | undefined;
  try {
    return path?.cast === undefined ? given : path.cast(given);
  } catch (error) {
    if ((error as Error).name === 'CastError') return undefined;
    throw error;
  }
}

/** The same. @throws NotFoundError for an id that no document can have */
export function requireId(model: AnyModel, given: unknown): unknown {
  const id = idOf(model, given);
  if (id === undefined) throw new NotFoundError(model.collection.collectionName, given);
  return id;
}

function isScalar(value: unknown): boolean {
  if (typeof value === 'string') return value !== '' && value.length <= 1_024;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value === 'bigint' || value instanceof Date) return true;
  if (typeof value !== 'object' || value === null || Object.hasOwn(value, '_bsontype')) return false;
  return IDS.has((value as { _bsontype?: unknown })._bsontype);
}

/** Values of BSON that documents have for an id. */
const IDS = new Set<unknown>(['ObjectId', 'UUID', 'Binary', 'Int32', 'Long', 'Double', 'Decimal128']);
