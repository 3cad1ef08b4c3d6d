import type { mongo } from 'mongoose';
import { idOf } from '../../capture/change-of.ts';
import type { DriverOptions } from '../../commit/captured-write.ts';
import type { RawDocument } from '../../types.ts';
import { storedDocument, storedUpdate } from './row-content.ts';
import { returnsIds, storedOptions } from './row-options.ts';
import { shownDocument, shownError, shownResult } from './row-results.ts';
import type { TenantRows } from './tenant-rows.ts';

type DriverCollection = mongo.Collection<RawDocument>;
type Options = Readonly<Record<string, unknown>> | null | undefined;
type Method = (...args: unknown[]) => Promise<unknown>;
type FindAnd = 'findOneAndUpdate' | 'findOneAndReplace' | 'findOneAndDelete';

/** The writing methods of a tenant's part of a collection. */
export class RowWrites {
  readonly #rows: TenantRows;
  readonly #stored: DriverCollection;

  constructor(rows: TenantRows, stored: DriverCollection) {
    this.#rows = rows;
    this.#stored = stored;
  }

  async insertOne(document: RawDocument, options?: Options): Promise<unknown> {
    idOf(this.#stored, document);
    return this.#call('insertOne', [storedDocument(this.#rows, document)], options);
  }

  async insertMany(documents: RawDocument[], options?: Options): Promise<unknown> {
    if (!Array.isArray(documents)) return this.#call('insertMany', [documents], options);
    for (const document of documents) idOf(this.#stored, document);
    return this.#call('insertMany', [documents.map((document) => storedDocument(this.#rows, document))], options);
  }

  async updateOne(filter: RawDocument, update: unknown, options?: Options): Promise<unknown> {
    return this.#call('updateOne', [this.#filter(filter, options), storedUpdate(this.#rows, update)], options);
  }

  async updateMany(filter: RawDocument, update: unknown, options?: Options): Promise<unknown> {
    return this.#call('updateMany', [this.#filter(filter, options), storedUpdate(this.#rows, update)], options);
  }

  async replaceOne(filter: RawDocument, document: unknown, options?: Options): Promise<unknown> {
    return this.#call('replaceOne', [this.#filter(filter, options), storedDocument(this.#rows, document)], options);
  }

  async deleteOne(filter: RawDocument, options?: Options): Promise<unknown> {
    return this.#call('deleteOne', [this.#filter(filter, options)], options);
  }

  async deleteMany(filter: RawDocument, options?: Options): Promise<unknown> {
    return this.#call('deleteMany', [this.#filter(filter, options)], options);
  }

  async findOneAndUpdate(filter: RawDocument, update: unknown, options?: Options): Promise<unknown> {
    return this.#find('findOneAndUpdate', [this.#filter(filter, options), storedUpdate(this.#rows, update)], options);
  }

  async findOneAndReplace(filter: RawDocument, document: unknown, options?: Options): Promise<unknown> {
    return this.#find(
      'findOneAndReplace',
      [this.#filter(filter, options), storedDocument(this.#rows, document)],
      options,
    );
  }

  async findOneAndDelete(filter: RawDocument, options?: Options): Promise<unknown> {
    return this.#find('findOneAndDelete', [this.#filter(filter, options)], options);
  }

  async bulkWrite(operations: unknown[], options?: Options): Promise<unknown> {
    const stored = Array.isArray(operations) ? operations.map((one) => this.#operation(one, options)) : operations;
    return this.#call('bulkWrite', [stored], options);
  }

  /** What an upsert makes has what its filter says by equality, so that has to name the tenant in any case. */
  #filter(filter: RawDocument, options: Options): RawDocument {
    const own = this.#rows.filter(filter);
    return options?.upsert === true ? { ...own, [this.#rows.field]: this.#rows.tenantId } : own;
  }

  /** Options of a write by a filter, with the id that an upsert makes a document under where the filter names none. */
  #options(filter: unknown, given: Options): DriverOptions {
    const options = storedOptions(this.#rows, given);
    const needsId = options.upsert === true && impliedId(filter as RawDocument) === undefined;
    return needsId ? { ...options, idOnInsert: this.#rows.newStoredId() } : options;
  }

  /** A member of a bulk write. What is none the driver refuses itself. */
  #operation(operation: unknown, options: Options): unknown {
    const [kind = '', ...more] = Object.keys((operation ?? {}) as object);
    const spec = (operation as Record<string, RawDocument> | null)?.[kind];
    if (more.length > 0 || typeof spec !== 'object' || spec === null) return operation;
    if (kind === 'insertOne') {
      const document = (spec.document ?? spec) as RawDocument;
      idOf(this.#stored, document);
      return { insertOne: { document: storedDocument(this.#rows, document) } };
    }
    const { filter, update, replacement, ...rest } = spec;
    const own = this.#filter(filter as RawDocument, { ...options, ...rest });
    return {
      [kind]: {
        ...this.#options(own, rest),
        filter: own,
        ...('update' in spec ? { update: storedUpdate(this.#rows, update) } : {}),
        ...('replacement' in spec ? { replacement: storedDocument(this.#rows, replacement) } : {}),
      },
    };
  }

  async #call(method: keyof RowWrites, args: readonly unknown[], given: Options): Promise<unknown> {
    return shownResult(await this.#send(method, args, this.#options(args[0], given)));
  }

  async #find(method: FindAnd, args: readonly unknown[], given: Options): Promise<unknown> {
    const options = this.#options(args[0], given);
    const answer = await this.#send(method, args, options);
    const show = (document: RawDocument | null) =>
      document === null || !returnsIds(options) ? document : shownDocument(this.#rows, document);
    if (options.explain !== undefined) return answer;
    if (options.includeResultMetadata !== true) return show(answer as RawDocument | null);
    const { value, ...rest } = answer as { value: RawDocument | null };
    return { ...(shownResult(rest) as object), value: show(value) };
  }

  async #send(method: keyof RowWrites, args: readonly unknown[], options: DriverOptions): Promise<unknown> {
    try {
      return await (this.#stored[method] as unknown as Method).call(this.#stored, ...args, options);
    } catch (error) {
      throw shownError(this.#rows, error);
    }
  }
}

/** The id that the server makes a document under by a filter. It looks for it in `$in`, `$and` and `$or` as well. */
function impliedId({ _id, $and, $or }: RawDocument): unknown {
  const { $eq, $in } = (_id ?? {}) as { $eq?: unknown; $in?: unknown[] };
  const named = $eq ?? ($in?.length === 1 ? $in[0] : undefined);
  if (named !== undefined) return named;
  const parts = [Array.isArray($and) ? $and : [], Array.isArray($or) && $or.length === 1 ? $or : []].flat();
  return parts.map((part: RawDocument) => impliedId(part)).find((id) => id !== undefined);
}
