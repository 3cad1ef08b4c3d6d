import type { mongo } from 'mongoose';
import { isPast } from '../../capture/capture-target.ts';
import type { RawDocument } from '../../types.ts';
import { rowAggregation, rowChanges, rowCursor } from './row-cursor.ts';
import { shownIndex, storedIndex } from './row-indexes.ts';
import { returnsIds, storedOptions } from './row-options.ts';
import { type Neighbours, RowPipelines, storedWatch } from './row-pipeline.ts';
import { shownDocument } from './row-results.ts';
import type { TenantRows } from './tenant-rows.ts';

type DriverCollection = mongo.Collection<RawDocument>;
type Options = Readonly<Record<string, unknown>> | null | undefined;

/** The reading methods of a tenant's part of a collection, present and past. */
export class RowReads {
  readonly #rows: TenantRows;
  readonly #stored: DriverCollection;
  readonly #neighbours: Neighbours;

  constructor(rows: TenantRows, stored: DriverCollection, neighbours: Neighbours) {
    this.#rows = rows;
    this.#stored = stored;
    this.#neighbours = neighbours;
  }

  find(filter?: RawDocument, given?: Options): unknown {
    const options = storedOptions(this.#rows, given);
    const cursor = this.#stored.find(this.#filter(filter), options as object);
    return rowCursor(this.#rows, cursor, returnsIds(options));
  }

  async findOne(filter?: RawDocument, given?: Options): Promise<unknown> {
    const options = storedOptions(this.#rows, given);
    const document = await this.#stored.findOne(this.#filter(filter), options as object);
    const isShown = document === null || options.explain !== undefined || !returnsIds(options);
    return isShown ? document : shownDocument(this.#rows, document);
  }

  async countDocuments(filter?: RawDocument, given?: Options): Promise<number> {
    const options = storedOptions(this.#rows, given);
    return this.#stored.countDocuments(this.#filter(filter), options as object);
  }

  /** What the server would estimate is everybody's; the tenant's own documents are counted by their ids alone. */
  async estimatedDocumentCount(given?: Options): Promise<number> {
    const own = isPast(given) ? this.#filter({}) : ({ _id: this.#rows.allIds } as never);
    return this.#stored.countDocuments(own, storedOptions(this.#rows, given) as object);
  }

  async distinct(key: string, filter?: RawDocument, given?: Options): Promise<unknown[]> {
    const path = key === '_id' || key.startsWith('_id.') ? `_id.id${key.slice(3)}` : key;
    const options = storedOptions(this.#rows, given);
    return this.#stored.distinct(path, this.#filter(filter), options as object);
  }

  aggregate(pipeline: RawDocument[] = [], given?: Options): unknown {
    const stages = new RowPipelines(this.#rows, this.#neighbours).of([pipeline].flat());
    return rowAggregation(this.#rows, this.#stored.aggregate(stages, storedOptions(this.#rows, given) as object));
  }

  watch(pipeline: RawDocument[] = [], given?: Options): unknown {
    const stages = storedWatch(this.#rows, pipeline);
    return rowChanges(this.#rows, this.#stored.watch(stages, storedOptions(this.#rows, given) as object));
  }

  async createIndex(keys: unknown, given: mongo.CreateIndexesOptions = {}): Promise<string> {
    const [stored, options] = storedIndex(this.#rows, keys, await this.#collatedAs(given));
    return this.#stored.createIndex(stored as mongo.IndexSpecification, options);
  }

  async indexes(): Promise<unknown[]> {
    const indexes = (await this.#stored.listIndexes().toArray()) as RawDocument[];
    return indexes.map((index) => shownIndex(this.#rows, index));
  }

  listIndexes(): object {
    const cursor = this.#stored.listIndexes();
    cursor.map((index: RawDocument) => shownIndex(this.#rows, index));
    return rowAggregation(this.#rows, cursor);
  }

  /** The options of an index, with the collation that it would have from its collection. */
  async #collatedAs(given: mongo.CreateIndexesOptions): Promise<mongo.CreateIndexesOptions> {
    if (given.unique !== true || given.collation !== undefined) return given;
    // The driver throws where there is no such collection yet, which then has no collation either.
    const options: object = await this.#stored.options().catch(() => ({}));
    const { collation } = options as mongo.CreateIndexesOptions;
    return collation === undefined ? given : { ...given, collation };
  }

  #filter(filter: RawDocument | undefined): never {
    return this.#rows.filter(filter) as never;
  }
}
