import { type Verbs, verbsBehind } from '../api/install-api.ts';
import type { AnyModel } from '../capture/install.ts';
import { ConfigError, NotFoundError } from '../errors.ts';
import { atPlace } from '../tenancy/at-place.ts';

/** The documents of a collection at a place: its model, and what stands behind that. */
export class Items {
  readonly model: AnyModel;
  /** Whether they may hold anything, because no class says what. */
  readonly areSchemaless: boolean;

  constructor(model: AnyModel, areSchemaless: boolean) {
    this.model = model;
    this.areSchemaless = areSchemaless;
  }

  get verbs(): Verbs {
    return verbsBehind(this.model);
  }

  /** Carries out a call at their place. */
  run<T>(call: () => Promise<T>): Promise<T> {
    return atPlace(this.model, call);
  }

  /**
   * An id as the model has it; undefined for one that no document of it can have.
   *
   * @throws ConfigError for what is no id at all: a scalar is asked for, and nothing else passes for one
   */
  idOf(given: unknown): unknown {
    if (!isScalar(given)) {
      throw new ConfigError({
        message: `Cannot find a document of ${this.model.modelName} by this id: expected a string, a number or an ObjectId`,
      });
    }
    const path = this.model.schema.path('_id') as { cast?: (value: unknown) => unknown } | undefined;
    try {
      return path?.cast === undefined ? given : path.cast(given);
    } catch (error) {
      if ((error as Error).name === 'CastError') return undefined;
      throw error;
    }
  }

  /** The same. @throws NotFoundError for an id that no document can have */
  requireId(given: unknown): unknown {
    const id = this.idOf(given);
    if (id === undefined) throw new NotFoundError(this.model.collection.collectionName, given);
    return id;
  }
}

/** @throws ConfigError for the number of a version that is none */
export function checkedOv(ov: number | undefined): number | undefined {
  if (ov === undefined || (Number.isSafeInteger(ov) && ov >= 0)) return ov;
  throw new ConfigError({ message: 'Cannot use this version: expected its number, 0 or more' });
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
