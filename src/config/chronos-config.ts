import type { Mongoose } from 'mongoose';
import type { DatabaseType, RouteContext, Tier } from '../types.ts';

/** A connection to MongoDB: defined once, referred to by its key. All that refer to it share one client. */
export interface MongoConnConfig {
  readonly key: string;
  /** A MongoDB connection string. It may carry credentials and pool options, and is never shown. */
  readonly mongoUri: string;
}

/**
 * A database and whom it belongs to. Both generations of the configuration use it: it names its connection by
 * `mongoConnKey`, or has a `mongoUri` of its own.
 */
export interface DatabaseConnection {
  /** Globally unique name for direct routing. */
  readonly key: string;
  /** The connection in `mongoConns` it is on. */
  readonly mongoConnKey?: string | undefined;
  /** Connections over which its tenants are spread by hash; each tenant is on exactly one of them. */
  readonly mongoConnKeys?: readonly string[] | undefined;
  readonly mongoUri?: string | undefined;
  /** With `{tenantId}` in it, a template: every tenant in `tenantIds`, and those added later, has such a database. */
  readonly dbName: string;
  /** The tenant it belongs to: short for `tier: 'tenant'` with `extIdentifier`. */
  readonly tenantId?: string | undefined;
  /**
   * The tenants of a template; or, where `dbName` is none, those that share its collections and are told apart by a
   * field of every document. It may be empty, for tenants that are added later.
   */
  readonly tenantIds?: readonly string[] | undefined;
  readonly tier?: Tier | undefined;
  /** The domain's or tenant's id, as the tier says. */
  readonly extIdentifier?: string | undefined;
  /** The object storage in `spacesConns` it uses. */
  readonly spacesConnKey?: string | undefined;
}

/** The database of logs, which has no tiers. */
export interface LogsDatabaseConfig {
  readonly connection: DatabaseConnection;
}

/** The databases of one type in the first generation of the configuration. */
export interface DatabaseTypeConfig {
  readonly generic?: DatabaseConnection | undefined;
  readonly domains?: readonly DatabaseConnection[] | undefined;
  readonly tenants?: readonly DatabaseConnection[] | undefined;
}

/** Object storage that speaks S3. The second generation names buckets by role, the first has three flat names. */
export interface SpacesConnConfig {
  /** The name that databases refer to it by. Required with `buckets`. */
  readonly key?: string | undefined;
  readonly endpoint: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly buckets?:
    | {
        readonly json: string;
        readonly content: string;
        readonly versions: string;
        readonly backup?: string | undefined;
      }
    | undefined;
  readonly jsonBucket?: string | undefined;
  readonly contentBucket?: string | undefined;
  readonly backupsBucket?: string | undefined;
  readonly forcePathStyle?: boolean | undefined;
}

/** How one collection is indexed, checked and externalized. */
export interface CollectionMapConfig {
  /** Properties to search by; empty for all of them. */
  readonly indexedProps: readonly string[];
  readonly base64Props?:
    | Readonly<
        Record<
          string,
          {
            readonly contentType: string;
            readonly preferredText?: boolean | undefined;
            readonly textCharset?: string | undefined;
          }
        >
      >
    | undefined;
  readonly validation?: { readonly requiredIndexed?: readonly string[] | undefined } | undefined;
}

/** A count that is kept of the versions, or of the documents, that meet a condition. */
export interface CounterRuleConfig {
  readonly name: string;
  /**
   * Which versions are counted. An enrichment or a restored version is an UPDATE. A DELETE has the content that the
   * document had.
   * @default ['CREATE', 'UPDATE', 'DELETE']
   */
  readonly on?: readonly ('CREATE' | 'UPDATE' | 'DELETE')[] | undefined;
  /**
   * Whether `when` may look at what is not indexed where payloads are in object storage: all but the blobs. A rule for
   * `meta` does not count in collections where it would have to.
   * @default 'meta'
   */
  readonly scope?: 'meta' | 'payload' | undefined;
  /** A filter of MongoDB's that compares the values of fields. Values are those that are stored: a date is a Date. */
  readonly when: Readonly<Record<string, unknown>>;
  /**
   * Whether versions are counted when they are made, or the documents there are at the moment.
   * @default 'events'
   */
  readonly mode?: 'events' | 'gauge' | undefined;
}

/** What is routed when a connection is chosen by hash. */
export interface HashContext extends RouteContext {
  readonly collection?: string | undefined;
  readonly objectId?: string | undefined;
}

/** Where a tenant that the configuration does not name lives. */
export interface TenantPlacement {
  /** The key of a configured template or shared database. */
  readonly database: string;
  /** The connection it is on, of those the database is spread over, where the hash is not to choose. */
  readonly mongoConnKey?: string | undefined;
}

/** What both generations of the configuration have in common. Every unknown key is an error. */
export interface CommonConfig {
  /** Object storage, 1 to 10. */
  readonly spacesConns?: readonly SpacesConnConfig[] | undefined;
  /** The local file system in place of object storage, for development and tests. */
  readonly localStorage?: { readonly basePath: string; readonly enabled: boolean } | undefined;
  /** The database of counters, on a replica set: by its connection string, or on a connection of `mongoConns`. */
  readonly counters?:
    | {
        readonly mongoUri?: string | undefined;
        readonly mongoConnKey?: string | undefined;
        readonly dbName: string;
      }
    | undefined;
  readonly routing?:
    | {
        /** @default 'rendezvous' */
        readonly hashAlgo?: 'rendezvous' | 'jump' | undefined;
        /**
         * What is hashed: alternatives separated by `|`, of which the first that is there counts, each one or more
         * names joined by `:`; or a function. All that a tenant has is in one place, so that of its data neither
         * `collection` nor `objectId` is there.
         * @default 'tenantId|collection'
         */
        readonly chooseKey?: string | ((ctx: HashContext) => string) | undefined;
      }
    | undefined;
  readonly retention?:
    | {
        /**
         * Versions that were superseded so many days ago, or beyond so many of their document, leave when
         * `chronos.admin.applyRetention` is called.
         */
        readonly ver?: { readonly days?: number | undefined; readonly maxPerItem?: number | undefined } | undefined;
        /** For how many days, weeks and months totals of single ones are kept. Left out: for ever. */
        readonly counters?:
          | {
              readonly days?: number | undefined;
              readonly weeks?: number | undefined;
              readonly months?: number | undefined;
            }
          | undefined;
      }
    | undefined;
  /** Keeps old versions in manifests, in the bucket for versions, instead of dropping them. */
  readonly rollup?:
    | { readonly enabled?: boolean | undefined; readonly manifestPeriod?: 'daily' | 'weekly' | 'monthly' | undefined }
    | undefined;
  /** What of collections without a class is indexed, required and kept as blobs. Of an entity's it must say the same. */
  readonly collectionMaps?: Readonly<Record<string, CollectionMapConfig>> | undefined;
  /** What is counted beside all versions. */
  readonly counterRules?: { readonly rules?: readonly CounterRuleConfig[] | undefined } | undefined;
  readonly devShadow?:
    | { readonly enabled: boolean; readonly ttlHours: number; readonly maxBytesPerDoc?: number | undefined }
    | undefined;
  /**
   * Whether deleted documents are kept with their history, where an entity does not say it itself.
   * @default { enabled: true }
   */
  readonly logicalDelete?: { readonly enabled: boolean } | undefined;
  /**
   * Whether superseded versions are kept, where an entity does not say it itself.
   * @default { enabled: true }
   */
  readonly versioning?: { readonly enabled: boolean } | undefined;
  /**
   * Allows documents to be erased with all of their history: `Model.hardDelete`, `chronos.admin.hardDelete`.
   * @default false
   */
  readonly hardDeleteEnabled?: boolean | undefined;
  /** The queue of failed operations. Attempts are given as such, or as retries, of which there is one less. */
  readonly fallback?:
    | {
        readonly enabled: boolean;
        /** @default 10 */
        readonly maxAttempts?: number | undefined;
        readonly maxRetries?: number | undefined;
        /** @default 2000 */
        readonly baseDelayMs?: number | undefined;
        readonly retryDelayMs?: number | undefined;
        /** @default 60000 */
        readonly maxDelayMs?: number | undefined;
        /** @default 'chronos_fallback_dead' */
        readonly deadLetterCollection?: string | undefined;
      }
    | undefined;
  readonly writeOptimization?:
    | {
        readonly ack?: 'committed' | 'stored' | undefined;
        readonly batchS3?: boolean | undefined;
        readonly batchWindowMs?: number | undefined;
        /**
         * For how long new versions are gathered before they are counted, in milliseconds.
         * @default 1000
         */
        readonly debounceCountersMs?: number | undefined;
        /** Superseded versions leave MongoDB as soon as they are stored; `devShadow` is for current documents alone. */
        readonly allowShadowSkip?: boolean | undefined;
      }
    | undefined;
  /**
   * Versions are written in transactions. A server that has none, a standalone, is refused at its first use, with
   * `autoDetect` too: it only says that the server is asked, which it always is.
   * @default { enabled: true, autoDetect: false }
   */
  readonly transactions?:
    | { readonly enabled?: boolean | undefined; readonly autoDetect?: boolean | undefined }
    | undefined;
  readonly tenants?:
    | {
        /**
         * For how many tenants models are kept at hand. More tenants than that are served all the same.
         * @default 1000
         */
        readonly cacheSize?: number | undefined;
      }
    | undefined;
  /**
   * Says where a tenant lives that the configuration does not name; null where there is none. Asked by
   * `chronos.tenants.resolve(id)`, once for each tenant until it is removed.
   */
  readonly resolveTenant?:
    | ((tenantId: string) => Promise<TenantPlacement | readonly TenantPlacement[] | null>)
    | undefined;
  /** Classes with `@ChronosEntity`, which from then on know where they live: `User.forTenant('a')`. */
  readonly entities?: readonly (abstract new (...args: never[]) => object)[] | undefined;
  /**
   * The Mongoose to work with.
   * @default the one this library imports
   */
  readonly mongoose?: Mongoose | undefined;
}

/** The configuration, second generation: connections are defined once, and databases refer to them by key. */
export interface ChronosConfig extends CommonConfig {
  readonly mongoConns: readonly MongoConnConfig[];
  readonly databases: Readonly<Partial<Record<Exclude<DatabaseType, 'logs'>, readonly DatabaseConnection[]>>> & {
    readonly logs?: LogsDatabaseConfig | undefined;
  };
}

/**
 * The configuration, first generation: databases by type and tier, each with its own `mongoUri`. With `mongoUris`
 * alone there is one runtime database, spread over them by hash.
 */
export interface EnhancedChronosConfig extends CommonConfig {
  readonly mongoUris?: readonly string[] | undefined;
  readonly mongoConns?: readonly MongoConnConfig[] | undefined;
  readonly databases?: ChronosConfig['databases'] | undefined;
  readonly databaseTypes?: Readonly<Partial<Record<Exclude<DatabaseType, 'logs'>, DatabaseTypeConfig>>> | undefined;
}

/**
 * Returns the very configuration it is given, checked by the compiler.
 *
 * @example
 * export const config = defineConfig({ mongoConns: [...], databases: { runtime: [...] } });
 */
export function defineConfig<const C extends ChronosConfig | EnhancedChronosConfig>(config: C): C {
  return config;
}
