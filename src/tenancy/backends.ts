import { hostsOf } from '../config/connection-string.ts';
import type { Database, ObjectStorage, ResolvedConfig } from '../config/resolved-config.ts';
import type { DatabaseType, Tier } from '../types.ts';
import type { Directory } from './directory.ts';

/** A configured database, and what it is on: nothing of it is a secret. */
export interface Backend {
  /** Its place in the configuration, from 0. */
  readonly index: number;
  readonly key: string;
  readonly databaseType: DatabaseType;
  /** Whom it belongs to, where the configuration says so. */
  readonly tier?: Tier;
  readonly extIdentifier?: string;
  /** `single` for one database, `template` for one per tenant, `shared` where tenants share collections. */
  readonly kind: Database['kind'];
  /** As configured: of a template with `{tenantId}` in it. */
  readonly dbName: string;
  /** How many tenants live there. */
  readonly tenants: number;
  /** The connections it is on, mostly one, with their hosts as far as the connection string says. */
  readonly connections: readonly { readonly key: string; readonly hosts: readonly string[] }[];
  /** Where its payloads are kept; absent where all stays in MongoDB. */
  readonly storage?: BackendStorage;
}

/** A service of object storage, or a directory in its place. */
export type BackendStorage =
  | { readonly key: string; readonly endpoint: string; readonly buckets: ObjectStorage['buckets'] }
  | { readonly basePath: string };

/** The databases of a configuration, in its order. */
export function backendsOf(config: ResolvedConfig, directory: Directory): Backend[] {
  const counts = directory.tenantCounts();
  return config.databases.map((database, index): Backend => {
    const { key, databaseType, tier, extIdentifier, kind, dbName } = database;
    const storage = storageOf(config, database);
    return {
      index,
      key,
      databaseType,
      ...(tier === undefined ? {} : { tier }),
      ...(extIdentifier === undefined ? {} : { extIdentifier }),
      kind,
      dbName,
      tenants: counts.get(database) ?? 0,
      connections: database.connections.map((one) => ({ key: one, hosts: hostsOf(config.connections.get(one) ?? '') })),
      ...(storage === undefined ? {} : { storage }),
    };
  });
}

function storageOf({ localStorage, spaces }: ResolvedConfig, { spacesConnKey }: Database): BackendStorage | undefined {
  if (localStorage !== undefined) return { basePath: localStorage };
  const found = spacesConnKey === undefined ? spaces[0] : spaces.find(({ key }) => key === spacesConnKey);
  return found && { key: found.key, endpoint: new URL(found.endpoint).origin, buckets: found.buckets };
}
