import type { mongo } from 'mongoose';
import type { DriverOptions } from './captured-write.ts';

/** Options that travel with a write to wherever it is carried out. Everything else belongs to one call alone. */
const CARRIED = ['comment', 'maxTimeMS', 'let', 'bypassDocumentValidation', 'ignoreUndefined', 'serializeFunctions'];

/** Options that change nothing about how a write may be carried out together with others. */
const NEUTRAL = new Set([
  'chronos',
  'session',
  'ordered',
  'upsert',
  'returnDocument',
  'includeResultMetadata',
  'arrayFilters',
  'forceServerObjectId',
]);

/** Options of Mongoose itself that reach the driver's methods, which pay them no heed. */
const MONGOOSE_ONLY = new Set([
  'new',
  'returnOriginal',
  'rawResult',
  'lean',
  'strict',
  'strictQuery',
  'timestamps',
  'overwrite',
  'runValidators',
  'setDefaultsOnInsert',
  'middleware',
  'validateBeforeSave',
  'overwriteDiscriminatorKey',
  'overwriteImmutable',
  'updatePipeline',
  'multipleCastError',
  'context',
  'omitUndefined',
  'sanitizeFilter',
  'translateAliases',
  'cloneUpdate',
  'populate',
  'skipValidation',
  'throwOnValidationError',
  'requireFilter',
  '_skipCastBulkWrite',
]);

/** Whether nothing in a call's options keeps it from sharing a command with others. */
export function areNeutral(options: DriverOptions): boolean {
  return Object.entries(options).every(
    ([key, value]) => value === undefined || value === null || NEUTRAL.has(key) || MONGOOSE_ONLY.has(key),
  );
}

export function carried(options: DriverOptions): Record<string, unknown> {
  return Object.fromEntries(CARRIED.filter((key) => options[key] !== undefined).map((key) => [key, options[key]]));
}

/** A call's options for use inside our transaction, which brings its own session and write concern. */
export function insideTransaction(options: DriverOptions, session: mongo.ClientSession): Record<string, unknown> {
  const {
    chronos,
    session: _own,
    writeConcern,
    w,
    j,
    journal,
    wtimeout,
    wtimeoutMS,
    readConcern,
    readPreference,
    ...rest
  } = options;
  return { ...rest, session };
}

/** A call's options outside a transaction: never acknowledged by less than a majority. */
export function majority(options: DriverOptions): Record<string, unknown> {
  const { chronos, w, j, wtimeout, ...rest } = options;
  const asked = (options.writeConcern ?? {}) as mongo.WriteConcernSettings;
  const journal = asked.j ?? j;
  const timeout = asked.wtimeout ?? wtimeout;
  return {
    ...rest,
    writeConcern: {
      w: 'majority',
      ...(journal === undefined ? {} : { j: journal }),
      ...(timeout === undefined ? {} : { wtimeout: timeout }),
    },
  };
}
