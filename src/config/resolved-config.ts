import type { Mongoose } from 'mongoose';
import type { DatabaseType, Tier } from '../types.ts';
import type { CollectionMapConfig, CounterRuleConfig, HashContext, TenantPlacement } from './chronos-config.ts';

/** A configured database, in the one form that all ways to configure it come down to. */
export interface Database {
  readonly key: string;
  readonly databaseType: DatabaseType;
  /** Undefined where the configuration does not say whom it belongs to: then only its key or name leads to it. */
  readonly tier: Tier | undefined;
  readonly extIdentifier: string | undefined;
  /**
   * - `single`: one database.
   * - `template`: one for each tenant, named by the template `dbName`.
   * - `shared`: one whose collections tenants share.
   */
  readonly kind: 'single' | 'template' | 'shared';
  readonly dbName: string;
  /** Keys of the connections it is spread over; mostly one. */
  readonly connections: readonly string[];
  /** The tenants of a template or a shared database that the configuration names. */
  readonly tenantIds: readonly string[];
  readonly spacesConnKey: string | undefined;
}

/** Object storage that speaks S3. */
export interface ObjectStorage {
  readonly key: string;
  readonly endpoint: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly buckets: {
    readonly json: string;
    readonly content: string;
    readonly versions: string;
    readonly backup: string;
  };
  readonly forcePathStyle: boolean;
}

/** The configuration with its references checked and its defaults filled in. */
export interface ResolvedConfig {
  /** Connection strings by key. */
  readonly connections: ReadonlyMap<string, string>;
  readonly databases: readonly Database[];
  readonly routing: {
    readonly hashAlgo: 'rendezvous' | 'jump';
    readonly chooseKey: (context: HashContext) => string | undefined;
  };
  readonly transactions: 'required' | 'detected' | 'off';
  readonly tenants: { readonly cacheSize: number };
  readonly resolveTenant:
    | ((tenantId: string) => Promise<TenantPlacement | readonly TenantPlacement[] | null>)
    | undefined;
  readonly mongoose: Mongoose | undefined;
  readonly entities: readonly (abstract new (...args: never[]) => object)[];

  readonly spaces: readonly ObjectStorage[];
  /** The directory that stands in for object storage. */
  readonly localStorage: string | undefined;
  /** The database of counters, and the key of the connection it is on. */
  readonly counters: { readonly connection: string; readonly dbName: string } | undefined;
  readonly counterRules: readonly CounterRuleConfig[];
  readonly retention: {
    readonly versions: { readonly days?: number | undefined; readonly maxPerItem?: number | undefined };
    readonly counters: {
      readonly days?: number | undefined;
      readonly weeks?: number | undefined;
      readonly months?: number | undefined;
    };
  };
  readonly rollup: { readonly enabled: boolean; readonly manifestPeriod: 'daily' | 'weekly' | 'monthly' };
  readonly collectionMaps: ReadonlyMap<string, CollectionMapConfig>;
  readonly devShadow: { readonly ttlHours: number; readonly maxBytesPerDoc?: number | undefined } | undefined;
  readonly logicalDelete: boolean;
  /** Whether superseded versions leave MongoDB as soon as they are stored. */
  readonly allowShadowSkip: boolean;
  readonly versioning: boolean;
  readonly hardDelete: boolean;
  readonly fallback:
    | {
        readonly maxAttempts: number;
        readonly baseDelayMs: number;
        readonly maxDelayMs: number;
        readonly deadLetterCollection: string;
      }
    | undefined;
  readonly acknowledge: 'committed' | 'stored';
  /** For how long new versions are gathered before they are counted, in milliseconds. */
  readonly debounceCountersMs: number;
  /** For how long new versions are waited for before payloads are stored, in milliseconds. */
  readonly batchWindowMs: number;
}
