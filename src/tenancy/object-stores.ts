import type { ResolvedPayload, RetentionPluginOptions } from '../config/options.ts';
import type { ObjectStorage, ResolvedConfig } from '../config/resolved-config.ts';
import { ConfigError } from '../errors.ts';
import type { PayloadBuckets } from '../payload/payload-store.ts';
import { FileAdmin } from '../payload/stores/file-admin.ts';
import { fileBuckets } from '../payload/stores/file-payload-store.ts';
import { S3Admin } from '../payload/stores/s3-admin.ts';
import { s3Buckets } from '../payload/stores/s3-buckets.ts';
import type { StorageAdmin } from '../payload/stores/storage-admin.ts';
import type { Place } from './place.ts';

/** The object storage of a configuration: where the payloads of each place are kept. */
export class ObjectStores {
  readonly #config: ResolvedConfig;
  /** By the key of their connection. */
  readonly #buckets: ReadonlyMap<string, PayloadBuckets>;
  readonly #local: PayloadBuckets | undefined;
  /** Of services that were looked after, by the key of their connection. */
  readonly #admins = new Map<string, StorageAdmin>();

  /** @throws ConfigError for a database of which nobody can tell which storage it uses */
  constructor(config: ResolvedConfig) {
    this.#config = config;
    this.#buckets = new Map(config.spaces.map((spaces) => [spaces.key, s3Buckets(spacesOptions(spaces))]));
    this.#local = config.localStorage === undefined ? undefined : fileBuckets(config.localStorage);
    requireRollupPlace(config);
    if (config.spaces.length < 2) return;
    for (const { key, spacesConnKey } of config.databases) {
      if (spacesConnKey !== undefined) continue;
      throw new ConfigError({
        message: `Cannot tell where the payloads of database ${JSON.stringify(key)} are kept: there are several spacesConns. Name one: spacesConnKey`,
      });
    }
  }

  /** How payloads are kept at a place; undefined where all stays in MongoDB. */
  payloadAt({ database, tenantId }: Place): ResolvedPayload | undefined {
    const buckets = this.#bucketsOf(database.spacesConnKey);
    if (buckets === undefined) return undefined;
    const { devShadow, allowShadowSkip, batchWindowMs, acknowledge } = this.#config;
    const { json, content } = buckets;
    return {
      stores: { json, content },
      prefix: database.key,
      tenant: database.kind === 'shared' ? undefined : tenantId,
      devShadow,
      allowShadowSkip,
      batchWindowMs,
      ack: acknowledge,
    };
  }

  /** Which versions are old at a place, and where they are rolled up, if they are. */
  retentionAt({ database, tenantId }: Place): RetentionPluginOptions | undefined {
    const { days, maxPerItem } = this.#config.retention.versions;
    if (days === undefined && maxPerItem === undefined) return undefined;
    const versions = this.#config.rollup.enabled ? this.#bucketsOf(database.spacesConnKey)?.versions : undefined;
    if (versions === undefined) return { days, maxPerItem };
    const { manifestPeriod } = this.#config.rollup;
    const tenant = database.kind === 'shared' ? undefined : tenantId;
    return { days, maxPerItem, rollup: { versions, manifestPeriod, prefix: database.key, tenant } };
  }

  /** All buckets of a place; undefined where all stays in MongoDB. */
  bucketsAt({ database }: Place): PayloadBuckets | undefined {
    return this.#bucketsOf(database.spacesConnKey);
  }

  /** What looks after the buckets of a place; undefined where there are none. */
  adminAt({ database: { spacesConnKey } }: Place): StorageAdmin | undefined {
    const { localStorage, spaces } = this.#config;
    if (localStorage !== undefined) return new FileAdmin(localStorage);
    const found = spacesConnKey === undefined ? spaces[0] : spaces.find(({ key }) => key === spacesConnKey);
    return found === undefined ? undefined : this.#adminOf(found);
  }

  /** What looks after each service of the configuration, by its key, or after the directory in its place. */
  admins(): (readonly [key: string, StorageAdmin])[] {
    const { localStorage, spaces } = this.#config;
    if (localStorage !== undefined) return [['localStorage', new FileAdmin(localStorage)]];
    return spaces.map((storage) => [storage.key, this.#adminOf(storage)]);
  }

  #adminOf(storage: ObjectStorage): StorageAdmin {
    const admin = this.#admins.get(storage.key) ?? new S3Admin(spacesOptions(storage));
    this.#admins.set(storage.key, admin);
    return admin;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#buckets.values(), ...this.#admins.values()].map((one) => one.close()));
  }

  #bucketsOf(key: string | undefined): PayloadBuckets | undefined {
    if (this.#local !== undefined) return this.#local;
    return key === undefined ? [...this.#buckets.values()][0] : this.#buckets.get(key);
  }
}

/** Versions that nobody can put anywhere must not be dropped instead. */
function requireRollupPlace({ rollup, retention, spaces, localStorage }: ResolvedConfig): void {
  if (!rollup.enabled) return;
  const { days, maxPerItem } = retention.versions;
  const isOld = days !== undefined || maxPerItem !== undefined;
  if (isOld && (spaces.length > 0 || localStorage !== undefined)) return;
  const missing = isOld ? 'object storage to roll versions up into: spacesConns or localStorage' : 'retention.ver';
  throw new ConfigError({ message: `Cannot use rollup.enabled: there is no ${missing}. Give it, or disable rollup` });
}

function spacesOptions({ key: _key, ...spaces }: ObjectStorage) {
  return spaces;
}
