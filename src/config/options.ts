import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { ConfigError } from '../errors.ts';
import { type BlobOptions, payloadMap } from '../payload/payload-map.ts';
import type { PayloadStore } from '../payload/payload-store.ts';
import { strict } from './strict.ts';

const DEFAULT_WINDOW_MS = 100;

/** Options of the plugin. All are optional: `schema.plugin(chronos)` is a complete configuration. */
export interface ChronosPluginOptions {
  /**
   * Show `_system` in documents and query results instead of keeping it out of sight.
   * @default false
   */
  readonly visible?: boolean | undefined;
  /**
   * Number every version of the collection in commit order (`cv`), so that `asOf({ cv })` names an exact state.
   * @default false
   */
  readonly collectionVersion?: boolean | undefined;
  /**
   * Checks every version before it is committed, whatever call makes it: the whole document, as it is going to be
   * stored, without `_system`. What it throws reaches the caller, and nothing is written. It costs updates a read.
   */
  readonly validate?: ((document: Readonly<Record<string, unknown>>) => void) | undefined;
  /**
   * Whether superseded versions are kept. Without, only the current document and its objects are: nothing of the past can
   * be read or restored, and writes cost less.
   * @default { enabled: true }
   */
  readonly versioning?: { readonly enabled: boolean } | undefined;
  /**
   * Whether deleted documents are kept, with their history. Without, a deletion erases them as `hardDelete` does.
   * @default { enabled: true }
   */
  readonly logicalDelete?: { readonly enabled: boolean } | undefined;
  /**
   * Paths that every version has to have, by whatever call it is made: neither missing, nor null, nor an empty string.
   * Otherwise Mongoose's ValidationError lists them, and nothing is written. It costs updates a read.
   */
  readonly required?: readonly string[] | undefined;
  /**
   * Paths that stay in MongoDB where payloads are kept in object storage: those to search and sort by. What the schema
   * has indexes of, and what Mongoose itself needs, stays as well. Left out or empty: all but the blobs.
   */
  readonly indexed?: readonly string[] | undefined;
  /** Paths of base64 strings that are kept as objects of their own, where payloads are kept in object storage. */
  readonly base64?: Readonly<Record<string, BlobOptions>> | undefined;
  /** Keeps payloads in object storage. */
  readonly payload?: PayloadPluginOptions | undefined;
  /** Which old versions leave the collection when `applyRetention` is called. The current one never does. */
  readonly retention?: RetentionPluginOptions | undefined;
  /**
   * Where the time of versions comes from.
   * @default the system clock
   */
  readonly clock?: Clock | undefined;
}

/** Where payloads are kept, and how soon they get there. */
export interface PayloadPluginOptions {
  /** Where the JSON of versions is kept. */
  readonly json: PayloadStore;
  /**
   * Where blobs and their texts are kept.
   * @default the same as `json`
   */
  readonly content?: PayloadStore | undefined;
  /**
   * What the keys of all objects begin with. Unique to the database in each store.
   * @default the name of the database
   */
  readonly prefix?: string | undefined;
  /** The tenant whose objects these are; a part of their keys. */
  readonly tenant?: string | undefined;
  /**
   * For how long whole documents stay in MongoDB once their payload is stored. Left out: until they are marked as
   * processed.
   */
  readonly devShadow?:
    | {
        /** Counted from the time of the version. */
        readonly ttlHours: number;
        /** Documents larger than this stay no longer than until they are stored, in bytes. */
        readonly maxBytesPerDoc?: number | undefined;
      }
    | undefined;
  readonly writeOptimization?:
    | {
        /**
         * Wait for further versions before payloads are stored, so that they travel together.
         * @default false
         */
        readonly batchS3?: boolean | undefined;
        /**
         * For how long, in milliseconds.
         * @default 100
         */
        readonly batchWindowMs?: number | undefined;
        /**
         * When a write is done: once it is committed, or once its payload is stored as well.
         * @default 'committed'
         */
        readonly ack?: 'committed' | 'stored' | undefined;
        /**
         * Keep whole copies in MongoDB of current documents alone: superseded versions leave it as soon as they are
         * stored, whatever `devShadow` says.
         * @default false
         */
        readonly allowShadowSkip?: boolean | undefined;
      }
    | undefined;
}

/** Which versions are old, and what becomes of them. Without `days` and `maxPerItem` none is. */
export interface RetentionPluginOptions {
  /** Versions that were superseded so many days ago. */
  readonly days?: number | undefined;
  /** Versions of a document before so many, the current one not counted. */
  readonly maxPerItem?: number | undefined;
  /** Puts them into manifests in object storage, from where they are still read. Left out: they are dropped. */
  readonly rollup?: RollupOptions | undefined;
}

/** Where versions are kept that have left their collection. */
export interface RollupOptions {
  readonly versions: PayloadStore;
  /**
   * Versions that ended in the same period are kept together.
   * @default 'monthly'
   */
  readonly manifestPeriod?: ManifestPeriod | undefined;
  /**
   * What the keys of all objects begin with. Unique to the database in each store.
   * @default that of the payloads, or the name of the database
   */
  readonly prefix?: string | undefined;
  /** The tenant whose versions these are; a part of their keys. */
  readonly tenant?: string | undefined;
}

export type ManifestPeriod = 'daily' | 'weekly' | 'monthly';

/** The same with the defaults. */
export interface ResolvedPayload {
  readonly stores: { readonly json: PayloadStore; readonly content: PayloadStore };
  readonly prefix?: string | undefined;
  readonly tenant?: string | undefined;
  readonly devShadow?: PayloadPluginOptions['devShadow'];
  readonly allowShadowSkip: boolean;
  readonly batchWindowMs: number;
  readonly ack: 'committed' | 'stored';
}

/** The options with their defaults. */
export interface ChronosOptions {
  readonly visible: boolean;
  readonly collectionVersion: boolean;
  /** Undefined where the connection says it. */
  readonly versioning?: boolean | undefined;
  /** Undefined where the connection says it. */
  readonly logicalDelete?: boolean | undefined;
  readonly validate?: ChronosPluginOptions['validate'];
  readonly required?: readonly string[] | undefined;
  readonly indexed?: readonly string[] | undefined;
  readonly base64?: ChronosPluginOptions['base64'];
  readonly payload?: ResolvedPayload | undefined;
  readonly retention?: RetentionPluginOptions | undefined;
  readonly clock?: Clock | undefined;
}

const storeSchema = z.custom<PayloadStore>(isStore, 'must be a payload store');

const payloadSchema = strict({
  json: storeSchema,
  content: storeSchema.optional(),
  prefix: z.string().min(1).optional(),
  tenant: z.string().min(1).optional(),
  devShadow: strict({ ttlHours: z.number().min(0), maxBytesPerDoc: z.number().int().min(0).optional() }).optional(),
  writeOptimization: strict({
    batchS3: z.boolean().optional(),
    batchWindowMs: z.number().int().min(0).optional(),
    ack: z.enum(['committed', 'stored']).optional(),
    allowShadowSkip: z.boolean().optional(),
  }).optional(),
});

const count = z.number().int().min(1);
const rollupSchema = strict({
  versions: storeSchema,
  manifestPeriod: z.enum(['daily', 'weekly', 'monthly']).optional(),
  prefix: z.string().min(1).optional(),
  tenant: z.string().min(1).optional(),
});
const retentionSchema = strict({
  days: count.optional(),
  maxPerItem: count.optional(),
  rollup: rollupSchema.optional(),
});

const blobSchema = strict({
  contentType: z.string().min(1),
  preferredText: z.boolean().optional(),
  textCharset: z.string().min(1).optional(),
});

/** What there is of options; also for the entities, which take them too. */
export const pluginOptions = strict({
  visible: z.boolean().default(false),
  collectionVersion: z.boolean().default(false),
  validate: z
    .custom<NonNullable<ChronosPluginOptions['validate']>>((value) => typeof value === 'function', 'must be a function')
    .optional(),
  versioning: strict({ enabled: z.boolean() }).optional(),
  logicalDelete: strict({ enabled: z.boolean() }).optional(),
  required: z.array(z.string().min(1)).optional(),
  indexed: z.array(z.string().min(1)).optional(),
  base64: z.record(z.string().min(1), blobSchema).optional(),
  payload: payloadSchema.optional(),
  retention: retentionSchema.optional(),
  clock: z.custom<Clock>((value) => typeof (value as Clock | undefined)?.now === 'function').optional(),
  // Mongoose's own options for plugins ride in the same object.
  deduplicate: z.boolean().optional(),
  tags: z.array(z.string()).optional(),
}) satisfies z.ZodType<ChronosPluginOptions>;

function resolved({ payload, versioning, logicalDelete, ...rest }: z.output<typeof pluginOptions>): ChronosOptions {
  const { indexed, base64 } = rest;
  payloadMap({ indexed, base64 });
  const options = { ...rest, versioning: versioning?.enabled, logicalDelete: logicalDelete?.enabled };
  const retention = resolvedRetention(options.retention, payload?.prefix);
  return { ...options, retention, ...(payload === undefined ? {} : { payload: resolvedPayload(payload) }) };
}

function resolvedRetention(
  retention: RetentionPluginOptions | undefined,
  payloadPrefix: string | undefined,
): RetentionPluginOptions | undefined {
  if (retention?.rollup === undefined) return retention;
  return { ...retention, rollup: { prefix: payloadPrefix, ...retention.rollup } };
}

function resolvedPayload({ json, content = json, writeOptimization, ...rest }: PayloadPluginOptions): ResolvedPayload {
  const { ack = 'committed', allowShadowSkip = false } = writeOptimization ?? {};
  const batchWindowMs = batchWindowOf(writeOptimization);
  return { ...rest, stores: { json, content }, allowShadowSkip, batchWindowMs, ack };
}

/** For how long new versions are waited for before payloads are stored, in milliseconds. */
export function batchWindowOf({
  batchS3 = false,
  batchWindowMs = DEFAULT_WINDOW_MS,
}: PayloadPluginOptions['writeOptimization'] = {}): number {
  return batchS3 ? batchWindowMs : 0;
}

function isStore(value: unknown): boolean {
  const { put, get } = (value ?? {}) as { put?: unknown; get?: unknown };
  return typeof put === 'function' && typeof get === 'function';
}

export function resolveOptions(options: ChronosPluginOptions | undefined): ChronosOptions {
  const parsed = pluginOptions.safeParse(options ?? {});
  if (parsed.success) return Object.freeze(resolved(parsed.data));
  const problems = parsed.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join('.')}: ${message}`,
  );
  throw new ConfigError({
    message: `Cannot apply chronos: ${problems.join('; ')}. See ChronosPluginOptions for what there is`,
  });
}
