import type { mongo } from 'mongoose';
import { modelFilter } from '../admin/model-filter.ts';
import type { Store } from '../commit/store.ts';
import { ConfigError, NotFoundError } from '../errors.ts';
import type { Point } from '../history/instant.ts';
import { findWithDeleted } from '../history/with-deleted.ts';
import { shownId } from '../row-id.ts';
import { systemOf } from '../system/bookkeeping.ts';
import type { Instant, RawDocument } from '../types.ts';
import { checkedFilter } from './checked-filter.ts';
import { type Item, itemOf, metaOf, shownItemId } from './item.ts';
import { idOf } from './item-id.ts';
import type { Items } from './items.ts';
import { afterPosition, type SortKey, sortValue } from './keyset.ts';
import { type Position, pageToken, positionOf } from './page-token.ts';
import { isPath, Projection, projectionOf } from './projection.ts';
import { type ItemOptions, type ReadItemOptions, readItem } from './read-item.ts';

export interface ItemListOptions extends ItemOptions {
  /**
   * Finds deleted documents as well, as they last were, with `deleted` and `deletedAt` in their `_system`. No index leads
   * to them: all version records of the collection, or of the tenant, are looked through for each page.
   * @default false
   */
  readonly includeDeleted?: boolean | undefined;
  /** Answers as of this instant. @default now */
  readonly at?: Instant | undefined;
  /**
   * Paths and directions, in their order; documents that are equal in them are sorted by their ids. `updatedAt`,
   * `insertedAt` and `createdAt` are those of the bookkeeping, unless the class or the map of the collection has a
   * property of that name.
   */
  readonly sort?: Readonly<Record<string, 1 | -1 | 'asc' | 'desc'>> | undefined;
  /** At most 1000. @default 50 */
  readonly limit?: number | undefined;
  /** Goes on where the page ended that gave it. */
  readonly pageToken?: string | undefined;
  /** Goes on after this document, which must be there still. */
  readonly afterId?: unknown;
}

/** Some of the documents that match. */
export interface ItemPage<T> {
  readonly items: readonly Item<T>[];
  /** Leads to the next page; absent on the last one. */
  readonly pageToken?: string;
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1_000;
const MAX_SORT_KEYS = 16;
/** How many documents are read at once where each is read alone. */
const AT_ONCE = 16;

/**
 * Documents that match a filter, page by page. A page begins after the last document of the one before, whatever was
 * written meanwhile: what keeps its place in the sort is neither left out nor shown twice.
 */
export async function listItems<T>(items: Items, given: unknown, options: ItemListOptions = {}): Promise<ItemPage<T>> {
  const listing = listingOf(items, given, options);
  const { versioned } = items.verbs;
  const store = await versioned.store();
  const from = await begin(items, store, listing, options);
  const documents = await found(items, store, listing, from === undefined ? [] : [afterPosition(listing.keys, from)]);
  const shown = documents.slice(0, listing.limit);
  const isReadAlone = options.presign === true || options.includeDeleted === true;
  const page = isReadAlone ? await oneByOne<T>(items, store, shown, options) : plain<T>(store, shown, options);
  const last = documents.length > listing.limit ? shown.at(-1) : undefined;
  if (last === undefined) return { items: page };
  const position = listing.keys.map((key) => sortValue(last, key));
  return { items: page, pageToken: pageToken(store.bson, listing.name, position) };
}

/** What is listed, and how. */
interface Listing {
  /** Tells it from others, as far as a position in it goes. */
  readonly name: string;
  readonly filter: RawDocument;
  readonly keys: readonly SortKey[];
  readonly at: Point | undefined;
  readonly includeDeleted: boolean;
  readonly limit: number;
  readonly projection: Projection | undefined;
}

function listingOf(items: Items, given: unknown, options: ItemListOptions): Listing {
  const { at, projection, limit = DEFAULT_LIMIT } = options;
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw new ConfigError({ message: `Cannot list so many documents: limit is 1 to ${MAX_LIMIT}. Use pageToken` });
  }
  const filter = modelFilter(items.model, checkedFilter(given)) as RawDocument;
  const keys = sortKeysOf(items, options.sort);
  const point = at === undefined ? undefined : items.verbs.versioned.point(at);
  const includeDeleted = options.includeDeleted === true;
  const name = `${keys.map(({ path, direction }) => `${path}:${direction}`).join()}${instantName(point)}${includeDeleted ? ' with deleted' : ''}`;
  const asked = projectionOf(projection);
  return {
    name,
    filter,
    keys,
    at: point,
    includeDeleted,
    limit,
    projection: options.presign === true ? NOTHING : asked,
  };
}

function instantName(point: Point | undefined): string {
  if (point === undefined) return '';
  return point instanceof Date ? ` at ${point.toISOString()}` : ` at cv ${point.cv}`;
}

const OF_BOOKKEEPING: ReadonlyMap<string, string> = new Map([
  ['updatedAt', '_system.updatedAt'],
  ['insertedAt', '_system.insertedAt'],
  ['createdAt', '_system.insertedAt'],
]);

function sortKeysOf({ model }: Items, sort: ItemListOptions['sort'] = {}): SortKey[] {
  const keys = Object.entries(sort).map(([path, order]): SortKey => {
    const direction = DIRECTIONS.get(order);
    if (direction === undefined || !isPath(path)) {
      throw new ConfigError({ message: 'Cannot sort like this: expected paths with 1 or -1, such as { name: 1 }' });
    }
    return { path: isOwn(model, path) ? path : (OF_BOOKKEEPING.get(path) ?? path), direction };
  });
  if (keys.length > MAX_SORT_KEYS)
    throw new ConfigError({ message: `Cannot sort by more than ${MAX_SORT_KEYS} paths` });
  return keys.some(({ path }) => path === '_id') ? keys : [...keys, { path: '_id', direction: 1 }];
}

const DIRECTIONS: ReadonlyMap<unknown, 1 | -1> = new Map<unknown, 1 | -1>([
  [1, 1],
  ['asc', 1],
  [-1, -1],
  ['desc', -1],
]);

function isOwn({ schema }: Items['model'], path: string): boolean {
  return schema.path(path) !== undefined || schema.indexes().some(([keys]) => Object.hasOwn(keys, path));
}

/** Where a page begins; undefined at the beginning. */
async function begin(
  items: Items,
  store: Store,
  listing: Listing,
  { pageToken: token, afterId }: ItemListOptions,
): Promise<Position | undefined> {
  if (token !== undefined && afterId !== undefined) {
    throw new ConfigError({ message: 'Cannot go on after both a pageToken and an afterId. Give one of them' });
  }
  if (token !== undefined) return positionOf(store.bson, listing.name, token);
  if (afterId === undefined) return undefined;
  const id = idOf(items.model, afterId);
  const [document] =
    id === undefined ? [] : await found(items, store, { ...listing, filter: { _id: { $eq: id } } }, []);
  if (document !== undefined) return listing.keys.map((key) => sortValue(document, key));
  throw new NotFoundError(items.model.collection.collectionName, afterId);
}

/** The documents of a listing that meet further conditions, one more than it wants. */
function found(
  items: Items,
  store: Store,
  listing: Listing,
  conditions: readonly RawDocument[],
): Promise<RawDocument[]> {
  const session = items.verbs.versioned.session({});
  const filter = { $and: [listing.filter, ...conditions] };
  return listing.includeDeleted
    ? foundWithDeleted(items, store, { ...listing, filter }, session)
    : foundCurrent(items, { ...listing, filter }, session);
}

type Session = mongo.ClientSession | undefined;

async function foundCurrent(items: Items, listing: Listing, session: Session): Promise<RawDocument[]> {
  const { filter, keys, at, limit, projection } = listing;
  const asked = projection === undefined ? undefined : withKeys(projection, keys);
  const cursor = items.model.collection.find(filter as never, {
    sort: sortOf(listing) as never,
    limit: limit + 1,
    ...(asked === undefined ? {} : { projection: asked }),
    ...(at === undefined ? {} : { chronos: { asOf: at } }),
    ...(session === undefined ? {} : { session }),
  });
  return (cursor as unknown as mongo.FindCursor<RawDocument>).toArray();
}

/** Only what it takes to read them one by one. */
async function foundWithDeleted(
  { verbs }: Items,
  store: Store,
  listing: Listing,
  session: Session,
): Promise<RawDocument[]> {
  const { keys, at, limit } = listing;
  const { rows } = verbs.versioned;
  const query = { rows, at, sort: sortOf(listing), limit: limit + 1, projection: withKeys(NOTHING, keys) };
  const filter = rows?.filter(listing.filter) ?? listing.filter;
  const documents = await findWithDeleted(store, { ...query, filter }, session);
  return documents.map((document) => ({ ...document, _id: shownId(document._id) }));
}

const NOTHING = new Projection([]);

function sortOf({ keys }: Listing): ReadonlyMap<string, 1 | -1> {
  return new Map(keys.map(({ path, direction }) => [path, direction]));
}

/** The sort needs what it goes by to tell where a page ends. */
function withKeys({ paths }: Projection, keys: readonly SortKey[]): Readonly<Record<string, 1>> {
  const sorted = keys.map(({ path }) => path).filter((path) => path !== '_id' && !path.startsWith('_system'));
  return { ...new Projection([...paths, ...sorted]).asked, _system: 1 };
}

function plain<T>({ bson }: Store, documents: readonly RawDocument[], options: ItemOptions): Item<T>[] {
  const projection = projectionOf(options.projection);
  return documents.map((document) => {
    const system = systemOf(document._system);
    const content = projection === undefined ? document : bson.deserialize(projection.of(bson.serialize(document)));
    const meta = options.includeMeta === true ? { _meta: metaOf(system) } : {};
    return { id: shownItemId(document._id), item: itemOf<T>(content, system), ...meta };
  });
}

/**
 * Each document in the very version that was found, or in its current one where no others are kept: with the addresses of
 * its blobs, or as it was when it was deleted.
 */
async function oneByOne<T>(
  items: Items,
  { versioning }: Store,
  documents: readonly RawDocument[],
  options: ReadItemOptions,
): Promise<Item<T>[]> {
  const all: Item<T>[] = [];
  for (let first = 0; first < documents.length; first += AT_ONCE) {
    const some = documents.slice(first, first + AT_ONCE);
    const read = some.map(({ _id, _system }) =>
      readItem<T>(items, _id, versioning ? { ov: systemOf(_system).ov } : {}, options),
    );
    const page = await Promise.all(read);
    all.push(...page.filter((item) => item !== null));
  }
  return all;
}
