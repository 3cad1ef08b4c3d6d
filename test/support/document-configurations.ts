import type { ChronosConfig, EnhancedChronosConfig } from '../../src/index.ts';

const SPACES = {
  endpoint: 'https://s3.us-east-1.amazonaws.com',
  region: 'us-east-1',
  accessKey: 'YOUR_ACCESS_KEY',
  secretKey: 'YOUR_SECRET_KEY',
} as const;

const COUNTERS = { mongoUri: 'mongodb://localhost:27017', dbName: 'chronos_counters' } as const;

const LOCAL = {
  mongoUris: ['mongodb://localhost:27017'],
  localStorage: { enabled: true, basePath: './data' },
} as const;

/** The quick start as it is printed: the logs name object storage that nothing defines. */
export const QUICK_START_AS_PRINTED = {
  mongoConns: [
    { key: 'mongo-primary', mongoUri: 'mongodb://primary-cluster:27017' },
    { key: 'mongo-analytics', mongoUri: 'mongodb://analytics-cluster:27017' },
  ],
  databases: {
    metadata: [{ key: 'meta-prod', mongoConnKey: 'mongo-primary', tenantId: 'system', dbName: 'chronos_metadata' }],
    knowledge: [
      { key: 'knowledge-prod', mongoConnKey: 'mongo-primary', tenantId: 'shared', dbName: 'chronos_knowledge' },
    ],
    runtime: [
      {
        key: 'runtime-tenant-a',
        mongoConnKey: 'mongo-primary',
        spacesConnKey: 's3-prod',
        tenantId: 'tenant-a',
        dbName: 'tenant_a_data',
      },
      {
        key: 'runtime-tenant-b',
        mongoConnKey: 'mongo-primary',
        spacesConnKey: 's3-prod',
        tenantId: 'tenant-b',
        dbName: 'tenant_b_data',
      },
    ],
    logs: {
      connection: {
        key: 'logs-prod',
        mongoConnKey: 'mongo-analytics',
        spacesConnKey: 's3-logs',
        dbName: 'chronos_logs',
      },
    },
  },
  spacesConns: [
    {
      key: 's3-prod',
      ...SPACES,
      buckets: {
        json: 'chronos-json-prod',
        content: 'chronos-content-prod',
        versions: 'chronos-versions-prod',
        backup: 'chronos-backups-prod',
      },
    },
  ],
  routing: { hashAlgo: 'rendezvous' },
  retention: { ver: { days: 90 }, counters: { days: 30 } },
  collectionMaps: {
    users: { indexedProps: ['email', 'tenantId'] },
    orders: { indexedProps: ['orderId', 'customerId', 'tenantId'] },
  },
} as const satisfies ChronosConfig;

const QUICK_START: ChronosConfig = {
  ...QUICK_START_AS_PRINTED,
  databases: {
    ...QUICK_START_AS_PRINTED.databases,
    logs: { connection: { ...QUICK_START_AS_PRINTED.databases.logs.connection, spacesConnKey: 's3-prod' } },
  },
};

/** Databases alone, with the connection that they are printed without. */
const TIERED: ChronosConfig = {
  mongoConns: [{ key: 'main', mongoUri: 'mongodb://localhost:27017' }],
  databases: {
    metadata: [{ key: 'meta-prod', mongoConnKey: 'main', tenantId: 'system', dbName: 'chronos_metadata' }],
    knowledge: [{ key: 'knowledge-prod', mongoConnKey: 'main', tenantId: 'shared', dbName: 'chronos_knowledge' }],
    runtime: [
      { key: 'runtime-tenant-a', mongoConnKey: 'main', tenantId: 'tenant-a', dbName: 'tenant_a_data' },
      { key: 'runtime-tenant-b', mongoConnKey: 'main', tenantId: 'tenant-b', dbName: 'tenant_b_data' },
    ],
    logs: { connection: { key: 'logs-prod', mongoConnKey: 'main', dbName: 'chronos_logs' } },
  },
};

/** A domain is written as `tenantId` there, and so is one. */
const MULTI_TENANT: ChronosConfig = {
  mongoConns: [
    { key: 'mongo-cluster-a', mongoUri: 'mongodb+srv://user:pass@cluster-a.mongodb.net' },
    { key: 'mongo-cluster-b', mongoUri: 'mongodb+srv://user:pass@cluster-b.mongodb.net' },
  ],
  databases: {
    metadata: [
      {
        key: 'meta-domain1',
        mongoConnKey: 'mongo-cluster-a',
        spacesConnKey: 'aws-us-east',
        tenantId: 'domain1',
        dbName: 'metadata_domain1',
      },
      {
        key: 'meta-tenant-a',
        mongoConnKey: 'mongo-cluster-b',
        spacesConnKey: 'aws-us-east',
        tenantId: 'tenant-a',
        dbName: 'metadata_tenant_a',
      },
    ],
    knowledge: [
      {
        key: 'know-domain1',
        mongoConnKey: 'mongo-cluster-a',
        spacesConnKey: 'aws-us-east',
        tenantId: 'domain1',
        dbName: 'knowledge_domain1',
      },
      {
        key: 'know-tenant-a',
        mongoConnKey: 'mongo-cluster-b',
        spacesConnKey: 'aws-us-east',
        tenantId: 'tenant-a',
        dbName: 'knowledge_tenant_a',
      },
    ],
    runtime: [
      {
        key: 'runtime-domain1',
        mongoConnKey: 'mongo-cluster-a',
        spacesConnKey: 'aws-us-east',
        tenantId: 'domain1',
        dbName: 'runtime_domain1',
      },
      {
        key: 'runtime-tenant-a',
        mongoConnKey: 'mongo-cluster-b',
        spacesConnKey: 'aws-us-east',
        tenantId: 'tenant-a',
        dbName: 'runtime_tenant_a',
      },
    ],
    logs: {
      connection: {
        key: 'logs-main',
        mongoConnKey: 'mongo-cluster-a',
        spacesConnKey: 'aws-us-east',
        dbName: 'chronos_logs',
      },
    },
  },
  spacesConns: [
    {
      key: 'aws-us-east',
      ...SPACES,
      buckets: {
        json: 'chronos-json-us-east',
        content: 'chronos-content-us-east',
        versions: 'chronos-versions-us-east',
        backup: 'chronos-backups-us-east',
      },
    },
  ],
  counters: { mongoUri: 'mongodb+srv://user:pass@cluster-metrics.mongodb.net', dbName: 'chronos_counters' },
  routing: { hashAlgo: 'rendezvous' },
  retention: {},
  rollup: {},
};

const tiers = (short: string, long: string) => ({
  generic: { key: `${short}-generic`, mongoUri: `mongodb://${long}-generic:27017`, dbName: `${short}_generic` },
  domains: [
    {
      key: `${short}-domain-1`,
      extIdentifier: 'domain-1',
      mongoUri: `mongodb://${long}-domain1:27017`,
      dbName: `${short}_domain_1`,
    },
  ],
  tenants: ['a', 'b'].map((tenant) => ({
    key: `${short}-tenant-${tenant}`,
    extIdentifier: `tenant-${tenant}`,
    mongoUri: `mongodb://${long}-tenant-${tenant}:27017`,
    dbName: `${short}_tenant_${tenant}`,
  })),
});

const FLAT_BUCKETS = {
  ...SPACES,
  backupsBucket: 'chronos-backups',
  jsonBucket: 'chronos-json',
  contentBucket: 'chronos-content',
} as const;

/** Its object storage is a comment there. */
const COMPLETE: EnhancedChronosConfig = {
  mongoUris: ['meta', 'know', 'runtime'].flatMap((type) =>
    ['generic', 'domain1', 'tenant-a', 'tenant-b'].map((owner) => `mongodb://${type}-${owner}:27017`),
  ),
  spacesConns: [FLAT_BUCKETS],
  counters: COUNTERS,
  routing: { hashAlgo: 'rendezvous' },
  retention: {},
  rollup: {},
  databaseTypes: {
    metadata: tiers('meta', 'meta'),
    knowledge: tiers('know', 'know'),
    runtime: tiers('runtime', 'runtime'),
  },
};

const PRODUCTION: EnhancedChronosConfig = {
  mongoUris: ['mongodb://prod1:27017', 'mongodb://prod2:27017'],
  spacesConns: [FLAT_BUCKETS],
  counters: { mongoUri: 'mongodb://prod1:27017', dbName: 'chronos_counters' },
  routing: { hashAlgo: 'rendezvous' },
  retention: { ver: { days: 30, maxPerItem: 100 }, counters: { days: 7, weeks: 4, months: 12 } },
  rollup: {},
  collectionMaps: { users: { indexedProps: ['email', 'status'], validation: { requiredIndexed: ['email'] } } },
  devShadow: { enabled: true, ttlHours: 24 },
  fallback: {
    enabled: true,
    maxRetries: 3,
    retryDelayMs: 1000,
    maxDelayMs: 60000,
    deadLetterCollection: 'chronos_fallback_dead',
  },
  transactions: { enabled: true, autoDetect: true },
};

const MINIMAL: EnhancedChronosConfig = {
  ...LOCAL,
  counters: COUNTERS,
  routing: { hashAlgo: 'rendezvous' },
  retention: {},
  rollup: {},
};

/** Every configuration that the documentation of chronos-db prints, with its slips mended, as said beside each. */
export const DOCUMENT_CONFIGURATIONS: Readonly<Record<string, ChronosConfig | EnhancedChronosConfig>> = {
  'tiered database architecture': TIERED,
  'quick start': QUICK_START,
  'multi-tenant usage': MULTI_TENANT,
  'complete multi-tenant example': COMPLETE,
  'minimal configuration': MINIMAL,
  'production configuration': PRODUCTION,
  'conditional counters': {
    ...MINIMAL,
    counterRules: {
      rules: [{ name: 'activeUsers', when: { status: 'active' }, on: ['CREATE', 'UPDATE'], scope: 'meta' }],
    },
  },
  'fallback queues': {
    ...MINIMAL,
    fallback: {
      enabled: true,
      maxAttempts: 10,
      baseDelayMs: 2000,
      maxDelayMs: 60000,
      deadLetterCollection: 'chronos_fallback_dead',
    },
  },
  'no collection map': LOCAL,
  'explicit collection map': {
    ...LOCAL,
    collectionMaps: { users: { indexedProps: ['email', 'status'], validation: { requiredIndexed: ['email'] } } },
  },
  'hard deletes': { ...MINIMAL, logicalDelete: { enabled: false } },
  'no versioning': { ...MINIMAL, versioning: { enabled: false } },
};
