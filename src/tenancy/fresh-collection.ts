import type { mongo } from 'mongoose';
import { type AnyModel, committerBehind } from '../capture/install.ts';
import { requirePreconditions } from '../commit/preconditions.ts';
import type { PlaceConnection } from './place-connection.ts';

/** The driver's calls that bring a collection into being if there is none. Updates do so only as upserts. */
const CREATING = new Set<unknown>(['insertOne', 'insertMany', 'bulkWrite']);

/** Whether a call may be the first write to a collection. */
export function mayCreate(method: string | symbol, options: unknown): boolean {
  return CREATING.has(method) || (options as { upsert?: unknown } | undefined | null)?.upsert === true;
}

/**
 * Sees to it that a collection that comes into being has the options and indexes of its schema before the first
 * document is in it, so that what is unique is so from the start. So it does with one that is there and empty: whoever
 * made it may be about to make its indexes, or have failed. What has documents is left as it is: indexes that a schema
 * has got since are made for all tenants by a call of its own.
 */
export class FreshCollection {
  readonly #model: AnyModel;
  readonly #connection: PlaceConnection;
  #ready: Promise<void> | undefined;
  #isThere = false;

  /** @param connection one that may look at all of the database */
  constructor(model: AnyModel, connection: PlaceConnection) {
    this.#model = model;
    this.#connection = connection;
  }

  /** Whether the collection is known to be there. */
  get isThere(): boolean {
    return this.#isThere;
  }

  /** Asks once, however many write at a time. */
  ensure(): Promise<void> {
    this.#ready ??= this.#create().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  async #create(): Promise<void> {
    const store = committerBehind(this.#model)?.store;
    // A server that is going to refuse the write is left as it is.
    if (store !== undefined) await requirePreconditions(store);
    const { collectionName: name } = this.#model.collection;
    const db = this.#connection.db as mongo.Db;
    if ((await db.collection(name).findOne({}, { projection: { _id: 1 } })) === null) {
      await this.#model.createCollection();
      await this.#model.createIndexes().catch(unlessTaken);
    }
    this.#isThere = true;
  }
}

/** IndexOptionsConflict and IndexKeySpecsConflict: an empty collection has another index of that name, or on those keys. */
const TAKEN = [85, 86];

/** Such an index keeps nobody from writing: the call for all tenants tells of it. */
function unlessTaken(error: { readonly code?: unknown }): void {
  if (!TAKEN.includes(error.code as number)) throw error;
}
