import type { Mongoose } from 'mongoose';
import { z } from 'zod';
import type { CommonConfig, HashContext } from './chronos-config.ts';
import { hostsOf } from './connection-string.ts';
import { problemOfRouteKey } from './route-key.ts';
import { strict } from './strict.ts';

const name = z.string().min(1);
const mongoUri = z
  .string()
  .regex(/^mongodb(\+srv)?:\/\/./, { error: 'must begin with mongodb:// or mongodb+srv://', abort: true })
  .refine((uri) => hostsOf(uri).length > 0, 'must name hosts, after a user and password that are percent-encoded');
const count = z.int().positive();
const callback = <F>() => z.custom<F>((value) => typeof value === 'function', 'must be a function');

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
const bucket = z
  .string()
  .regex(
    /^[a-z0-9](?!.*\.\.)[a-z0-9.-]{1,61}[a-z0-9]$/,
    'must be a name of a bucket: 3 to 63 small letters, digits, dots and hyphens, with a letter or digit at both ends',
  );

const mongoConn = strict({ key: name, mongoUri });

const database = strict({
  key: name,
  mongoConnKey: name.optional(),
  mongoConnKeys: z.array(name).min(1).optional(),
  mongoUri: mongoUri.optional(),
  dbName: name,
  tenantId: name.optional(),
  tenantIds: z.array(name).optional(),
  tier: z.enum(['generic', 'domain', 'tenant']).optional(),
  extIdentifier: name.optional(),
  spacesConnKey: name.optional(),
});

const databaseType = strict({
  generic: database.optional(),
  domains: z.array(database).default([]),
  tenants: z.array(database).default([]),
});

const spacesConn = strict({
  key: name.optional(),
  endpoint: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }),
  region: name,
  accessKey: name,
  secretKey: name,
  buckets: strict({ json: bucket, content: bucket, versions: bucket, backup: bucket.optional() }).optional(),
  jsonBucket: bucket.optional(),
  contentBucket: bucket.optional(),
  backupsBucket: bucket.optional(),
  forcePathStyle: z.boolean().optional(),
});

const collectionMap = strict({
  indexedProps: z.array(name),
  base64Props: z
    .record(name, strict({ contentType: name, preferredText: z.boolean().optional(), textCharset: name.optional() }))
    .optional(),
  validation: strict({ requiredIndexed: z.array(name).optional() }).optional(),
});

const counterRule = strict({
  name: name
    .refine((rule) => !['created', 'updated', 'deleted', 'rules'].includes(rule), 'is a total that is always kept')
    .refine((rule) => /^[^$.\0][^.\0]*$/.test(rule) && rule !== '__proto__', 'must be a name without dots and $'),
  on: z
    .array(z.enum(['CREATE', 'UPDATE', 'DELETE']))
    .min(1)
    .optional(),
  scope: z.enum(['meta', 'payload']).optional(),
  when: z.record(z.string(), z.unknown()),
  mode: z.enum(['events', 'gauge']).optional(),
});

const isRuleOrFunction = (value: unknown) => typeof value === 'string' || typeof value === 'function';

const chooseKey = z
  .custom<string | ((ctx: HashContext) => string)>(isRuleOrFunction, 'must be a rule or a function')
  .superRefine((rule, context) => {
    const problem = typeof rule === 'string' ? problemOfRouteKey(rule) : undefined;
    if (problem !== undefined) context.addIssue(problem);
  });

const common = {
  spacesConns: z.array(spacesConn).min(1).max(10).optional(),
  localStorage: strict({ basePath: name, enabled: z.boolean() }).optional(),
  counters: strict({ mongoUri: mongoUri.optional(), mongoConnKey: name.optional(), dbName: name }).optional(),
  routing: strict({
    hashAlgo: z.enum(['rendezvous', 'jump']).optional(),
    chooseKey: chooseKey.optional(),
  }).optional(),
  retention: strict({
    ver: strict({ days: count.optional(), maxPerItem: count.optional() }).optional(),
    counters: strict({ days: count.optional(), weeks: count.optional(), months: count.optional() }).optional(),
  }).optional(),
  rollup: strict({
    enabled: z.boolean().optional(),
    manifestPeriod: z.enum(['daily', 'weekly', 'monthly']).optional(),
  }).optional(),
  collectionMaps: z.record(name, collectionMap).optional(),
  counterRules: strict({ rules: z.array(counterRule).optional() }).optional(),
  devShadow: strict({
    enabled: z.boolean(),
    ttlHours: z.number().positive(),
    maxBytesPerDoc: count.optional(),
  }).optional(),
  logicalDelete: strict({ enabled: z.boolean() }).optional(),
  versioning: strict({ enabled: z.boolean() }).optional(),
  hardDeleteEnabled: z.boolean().optional(),
  fallback: strict({
    enabled: z.boolean(),
    maxAttempts: count.optional(),
    maxRetries: z.int().nonnegative().optional(),
    baseDelayMs: count.optional(),
    retryDelayMs: count.optional(),
    maxDelayMs: count.optional(),
    deadLetterCollection: name.optional(),
  }).optional(),
  writeOptimization: strict({
    ack: z.enum(['committed', 'stored']).optional(),
    batchS3: z.boolean().optional(),
    batchWindowMs: count.optional(),
    debounceCountersMs: count.optional(),
    allowShadowSkip: z.boolean().optional(),
  }).optional(),
  transactions: strict({ enabled: z.boolean().optional(), autoDetect: z.boolean().optional() }).optional(),
  tenants: strict({ cacheSize: count.optional() }).optional(),
  resolveTenant: callback<NonNullable<CommonConfig['resolveTenant']>>().optional(),
  entities: z.array(callback<abstract new (...args: never[]) => object>()).optional(),
  mongoose: z
    .custom<Mongoose>(
      (value) => typeof (value as Mongoose | null)?.createConnection === 'function',
      'must be a Mongoose',
    )
    .optional(),
} as const;

const dataTypes = <T extends z.ZodType>(of: T) => ({
  metadata: of.optional(),
  knowledge: of.optional(),
  runtime: of.optional(),
});

/** Both generations of the configuration, by their shape alone: what refers to what is judged afterwards. */
export const configSchema = strict({
  mongoConns: z.array(mongoConn).min(1).optional(),
  databases: strict({
    ...dataTypes(z.array(database)),
    logs: strict({ connection: database }).optional(),
  }).optional(),
  mongoUris: z.array(mongoUri).min(1).optional(),
  databaseTypes: strict(dataTypes(databaseType)).optional(),
  ...common,
});

/** A configuration whose shape is right. */
export type ShapedConfig = z.output<typeof configSchema>;
export type ShapedDatabase = z.output<typeof database>;
