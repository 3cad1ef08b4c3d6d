import type { Mongoose } from 'mongoose';

/** Keys by which the server and the driver tell of the cluster and not of the write. */
const OF_THE_CLUSTER = new Set(['$clusterTime', 'operationTime', 'electionId', 'opTime']);
const ERROR_FIELDS = ['code', 'keyPattern', 'keyValue', 'kind', 'path', 'errors', 'result'] as const;
const BULK_ERROR_FIELDS = ['writeErrors', 'insertedDocs', 'results', 'mongoose', 'validationErrors'] as const;

/**
 * Makes values of two runs comparable: what a run generates (ids, the time) is named by its order of appearance, types
 * that print alike stay apart, and names of models and collections that end in the run's own suffix are one.
 */
export class Portrait {
  readonly #mongoose: Mongoose;
  readonly #started = Date.now();
  readonly #suffix: RegExp;
  readonly #generated = new Map<string, string>();

  /** @param suffix by which the run's models and collections are told from those of the other */
  constructor(mongoose: Mongoose, suffix: string) {
    this.#mongoose = mongoose;
    this.#suffix = new RegExp(suffix, 'g');
  }

  of(value: unknown): unknown {
    if (typeof value === 'string') return this.#text(value);
    if (typeof value !== 'object' || value === null) return value === undefined ? '(undefined)' : value;
    if (value instanceof Date) return value.getTime() >= this.#started ? '(now)' : `Date ${value.getTime()}`;
    if (value instanceof Error) return this.#error(value);
    if (Array.isArray(value)) return value.map((item) => this.of(item));
    if ('_bsontype' in value) return this.#bson(value);
    if (Buffer.isBuffer(value)) return `Buffer ${value.toString('hex')}`;
    if (value instanceof Map) return { Map: [...value].map(([key, item]) => [key, this.of(item)]) };
    if (value instanceof this.#mongoose.Document) return this.#document(value);
    return this.#object(value);
  }

  get #isMongoose8(): boolean {
    return this.#mongoose.version.startsWith('8.');
  }

  #text(text: string): string {
    const named = text.replace(this.#suffix, '');
    return named.replace(/\b[0-9a-f]{24}\b/g, (hex) => this.#objectId(hex));
  }

  #objectId(hex: string): string {
    const seconds = Number.parseInt(hex.slice(0, 8), 16);
    if (seconds < Math.floor(this.#started / 1000)) return hex;
    const name = this.#generated.get(hex) ?? `(generated ${this.#generated.size + 1})`;
    this.#generated.set(hex, name);
    return name;
  }

  #bson(value: object): unknown {
    const { EJSON } = this.#mongoose.mongo.BSON;
    return `${(value as { _bsontype: string })._bsontype} ${this.#text(EJSON.stringify(value, { relaxed: false }))}`;
  }

  #document(document: InstanceType<Mongoose['Document']>): unknown {
    return {
      document: this.of(document.toObject({ transform: false, virtuals: false, getters: false, flattenMaps: false })),
      isNew: document.isNew,
      modified: document.modifiedPaths(),
    };
  }

  #object(value: object): unknown {
    const counts = this.#bulkResult(value);
    if (counts !== undefined) return counts;
    const entries = Object.entries(value).filter(([key]) => !OF_THE_CLUSTER.has(key));
    return Object.fromEntries(entries.map(([key, item]) => [key, this.of(item)]));
  }

  /** The driver's results keep what they tell behind getters. */
  #bulkResult(value: object): unknown {
    const { name } = value.constructor;
    if (name === 'WriteError') {
      const { index, code, errmsg, err } = value as {
        index: number;
        code: number;
        errmsg: string;
        err: { op: unknown };
      };
      return { WriteError: this.of({ index, code, errmsg, op: err.op }) };
    }
    if (name !== 'BulkWriteResult') return undefined;
    const result = value as InstanceType<Mongoose['mongo']['BulkWriteResult']>;
    const { insertedCount, matchedCount, modifiedCount, deletedCount, upsertedCount, ok } = result;
    return {
      BulkWriteResult: { insertedCount, matchedCount, modifiedCount, deletedCount, upsertedCount, ok },
      upsertedIds: this.of(result.upsertedIds),
      // What the driver of Mongoose 8 lists after an error are not the documents that were inserted.
      insertedIds: this.#isMongoose8 && result.hasWriteErrors() ? '(not comparable)' : this.of(result.insertedIds),
      errors: this.of(result.getWriteErrors()),
      mongoose: this.of((value as { mongoose?: unknown }).mongoose),
    };
  }

  #error(error: Error): unknown {
    const fields = error as unknown as Record<string, unknown>;
    const told = [...ERROR_FIELDS, ...BULK_ERROR_FIELDS].filter((key) => fields[key] !== undefined);
    return {
      error: error.name,
      class: error.constructor.name,
      message: this.#text(error.message),
      ...Object.fromEntries(told.map((key) => [key, this.of(fields[key])])),
    };
  }
}
