import { isDeepStrictEqual } from 'node:util';
import type { Connection, Model, Mongoose, mongo } from 'mongoose';
import { systemClock } from '../clock.ts';
import { Committer } from '../commit/committer.ts';
import type { Store } from '../commit/store.ts';
import type { ChronosOptions } from '../config/options.ts';
import { ConfigError } from '../errors.ts';
import type { KeptOf } from '../offload/offload-pipeline.ts';
import { dropLeft } from '../retention/doomed-manifests.ts';
import { eraseLeft } from '../retention/erase-left.ts';
import { rowsOf } from '../system/rows.ts';
import { versionsOf } from '../system/version-indexes.ts';
import type { RawDocument } from '../types.ts';
import { bufferedCalls } from './buffered-calls.ts';
import type { PastReader } from './capture-target.ts';
import { countingThrough } from './connection-counting.ts';
import { keepingOf } from './connection-keeping.ts';
import { payloadThrough } from './connection-payload.ts';
import { mirroredIndexes } from './mirrored-indexes.ts';
import { offloading } from './offloading.ts';
import { versionCheck } from './version-check.ts';
import { versionedCollection } from './versioned-collection.ts';
import { createBeforeSessions } from './versions-before-sessions.ts';
import { watchClient, watchedCommitter } from './watch-client.ts';

type DriverCollection = mongo.Collection<RawDocument>;

/** Mongoose's own collection, which buffers calls until the connection is open and hands them to the driver's. */
interface MongooseCollection {
  readonly name: string;
  readonly conn: Connection;
  readonly collection: DriverCollection | null;
  _getCollection(): DriverCollection | null;
}

export type AnyModel = Model<unknown> & {
  $__collection: MongooseCollection;
  readonly prototype: Record<PropertyKey, unknown>;
};

/** Makes what reads the past of a collection; told of those beside it. */
type PastOf = (store: Store, connection: VersionedConnection) => PastReader;

/** What is known of the collections of a connection. */
export interface VersionedConnection {
  readonly isVersioned: (collection: string) => boolean;
  /** What collections keep in MongoDB, where that is not all of their documents. */
  readonly keptOf: KeptOf;
  readonly storeOf: (collection: string) => Store | undefined;
  /** Whose documents are read, where tenants share the collections. */
  readonly tenant: string | undefined;
}

/** Marks a collection that captures already. */
const captures = Symbol('chronos captures');

const committers = new WeakMap<DriverCollection, Committer>();
const modelsByName = new WeakMap<Connection, Map<string, AnyModel>>();

/**
 * Puts a capturing collection in the place of a model's own, wherever Mongoose keeps it. Mongoose announces a model
 * twice, and models may share a collection: doing it again changes nothing.
 */
export function installCapture(model: AnyModel, own: ChronosOptions, pastOf: PastOf): void {
  const native = model.$__collection;
  // A custom driver's collections have no connection and hold nothing of MongoDB's.
  if (captures in native || !(native.conn instanceof Object)) return;
  const options = {
    ...own,
    ...keepingOf(native.conn, own),
    payload: own.payload ?? payloadThrough(native.conn),
  };
  const capturing = capturingCollection(model, native, options, pastOf);
  const models = modelsOf(native.conn);
  if (!models.has(native.name)) models.set(native.name, model);

  const { prototype } = model;
  for (const key of ['collection', '$collection', ...Object.getOwnPropertySymbols(prototype)]) {
    const slot = Object.getOwnPropertyDescriptor(prototype, key);
    if (slot !== undefined && 'value' in slot && slot.value === native) prototype[key] = capturing;
  }
  (model as { collection: unknown }).collection = capturing;
  model.$__collection = capturing;
  createBeforeSessions(native.conn, model, (one) => committerBehind(one as AnyModel));
}

function nativeOf(collection: MongooseCollection): MongooseCollection {
  let native = collection;
  while (captures in native) native = Object.getPrototypeOf(native) as MongooseCollection;
  return native;
}

/** Looks like Mongoose's collection in everything, but calls the versioned collection where that calls the driver's. */
function capturingCollection(
  model: AnyModel,
  native: MongooseCollection,
  options: ChronosOptions,
  pastOf: PastOf,
): MongooseCollection {
  let driver: DriverCollection | null = null;
  let versioned: DriverCollection | null = null;
  return Object.create(native, {
    [captures]: { value: true },
    ...bufferedCalls,
    collection: {
      get(): DriverCollection | null {
        const current = native._getCollection();
        if (current === driver) return versioned;
        // Where that is refused, it is refused each time.
        versioned = current === null ? null : versionedOf(model, native, current, options, pastOf);
        driver = current;
        return versioned;
      },
      set(): void {
        // Mongoose resets it on reconnect; the getter follows the collection underneath.
      },
    },
  }) as MongooseCollection;
}

function versionedOf(
  model: AnyModel,
  native: MongooseCollection,
  driver: DriverCollection,
  options: ChronosOptions,
  pastOf: PastOf,
): DriverCollection {
  const committer = committerOf(model, native, driver, options);
  const isVersioned = (name: string) => modelsOf(native.conn).has(name);
  const storeOf = (name: string) => {
    const other = modelsOf(native.conn).get(name);
    return other === undefined ? undefined : committerBehind(other)?.store;
  };
  const keptOf: KeptOf = (name) => storeOf(name)?.payload?.kept;
  const rows = rowsOf(model);
  return versionedCollection(driver, {
    committer,
    past: pastOf(committer.store, { isVersioned, keptOf, storeOf, tenant: rows?.tenantId }),
    modelName: model.modelName,
    rows,
    visible: options.visible,
    isVersioned,
    keptOf,
  });
}

/** Models of one collection share its committer, and with it the waves their writes travel in. */
function committerOf(
  model: AnyModel,
  native: MongooseCollection,
  driver: DriverCollection,
  options: ChronosOptions,
): Committer {
  const { conn } = native;
  const client = conn.getClient() as unknown as mongo.MongoClient;
  const known = committers.get(driver) ?? watchedCommitter(client, driver.namespace);
  if (known !== undefined) {
    if (model.baseModelName === undefined) requireSameOptions(model, known.store, options);
    committers.set(driver, known);
    return known;
  }
  const { mongo: driverModule, driver: drivers } = conn.base as unknown as MongooseInternals;
  let indexes: Store['indexes'] | undefined;
  const base: Store = {
    head: driver,
    versions: (conn.db as mongo.Db).collection<RawDocument>(versionsOf(native.name)),
    client,
    mongo: driverModule,
    bson: driverModule.BSON,
    BulkWriteResult: drivers.get().BulkWriteResult,
    clock: options.clock ?? systemClock,
    collectionVersion: options.collectionVersion,
    retention: options.retention,
    eraseLeft,
    dropLeft,
    versioning: options.versioning !== false,
    logicalDelete: options.logicalDelete !== false,
    validate: versionCheck(conn.base as unknown as Mongoose, model.modelName, options),
    tenantField: rowsOf(model)?.field,
    /** Not before somebody asks: most tenants are read far more often than written to. */
    get indexes() {
      indexes ??= mirroredIndexes(model.schema, rowsOf(model)?.field);
      return indexes;
    },
  };
  const { payload } = options;
  const whole = payload === undefined ? base : offloading(base, model, options, payload);
  const counting = countingThrough(conn, whole);
  const store = counting === undefined ? whole : Object.assign(whole, { counting });
  madeWith.set(store, options);
  const committer = new Committer(store);
  committers.set(driver, committer);
  watchClient(committer);
  return committer;
}

/** What the store of a collection was made with. */
const madeWith = new WeakMap<Store, ChronosOptions>();

/** Writes of one collection are kept in one way; what one model asks for, another cannot leave out. */
function requireSameOptions({ modelName }: AnyModel, store: Store, options: ChronosOptions): void {
  const before = madeWith.get(store);
  const isSame = before !== undefined && isDeepStrictEqual(shared(before), shared(options));
  if (isSame && (before.clock ?? systemClock) === (options.clock ?? systemClock)) return;
  throw new ConfigError({
    message: `Cannot use ${modelName}: another model of ${store.head.collectionName} has chronos with other options (${Object.keys(shared(options)).join(', ')} or clock). Give both the same`,
  });
}

/** What models of one collection have to agree on. */
function shared({ required = [], payload, retention = {}, ...options }: ChronosOptions) {
  const { collectionVersion, versioning, logicalDelete, validate } = options;
  const said = { collectionVersion, versioning, logicalDelete, validate };
  const { days, maxPerItem, rollup } = retention;
  const kept = { days, maxPerItem, rollup: rollup !== undefined };
  return { ...said, required, retention: kept, payload: payload !== undefined };
}

/** What of the Mongoose instance behind a connection is not in its types. */
interface MongooseInternals {
  readonly mongo: typeof mongo;
  readonly driver: { get(): Pick<Store, 'BulkWriteResult'> };
}

/** The committer behind a model's collection, once its connection is open. */
export function committerBehind(model: AnyModel): Committer | undefined {
  const native = nativeOf(model.$__collection);
  const versioned = model.$__collection.collection;
  const driver = versioned === null ? null : native._getCollection();
  return driver === null ? undefined : committers.get(driver);
}

function modelsOf(connection: Connection): Map<string, AnyModel> {
  const models = modelsByName.get(connection) ?? new Map<string, AnyModel>();
  modelsByName.set(connection, models);
  return models;
}
