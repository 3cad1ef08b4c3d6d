import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { resolveConfig } from '../../../src/config/resolve-config.ts';
import { ConfigError, type EnhancedChronosConfig } from '../../../src/index.ts';
import { problemsOf } from '../../support/problems-of.ts';

const CONNECTION = { key: 'main', mongoUri: 'mongodb://localhost:27017' };
const SPACES = {
  key: 's3',
  endpoint: 'http://localhost:9000',
  region: 'r',
  accessKey: 'hunter2-access',
  secretKey: 'hunter2-secret',
  buckets: { json: 'json', content: 'content', versions: 'versions' },
};

const COUNTERS = { mongoUri: 'mongodb://localhost:27017', dbName: 'counters' };

const runtime = (...databases: object[]) =>
  ({
    mongoConns: [CONNECTION],
    databases: { runtime: databases.map((database) => ({ mongoConnKey: 'main', ...database })) },
  }) as unknown as EnhancedChronosConfig;

const app = { key: 'app', dbName: 'app', tenantId: 'a' };

const with_ = (more: object) => ({ ...runtime(app), ...more }) as EnhancedChronosConfig;

it.each<[string, unknown, RegExp]>([
  ['nothing at all', {}, /^databases: is missing/],
  ['no object', null, /object/],
  ['an unknown key', with_({ mongo: 1 }), /^unknown key "mongo"; there are mongoConns, databases/],
  [
    'an unknown key inside',
    runtime({ ...app, tenant: 'a' }),
    /^databases\.runtime\.0: unknown key "tenant"; there are/,
  ],
  ['a URI of something else', { mongoUris: ['http://localhost'] }, /^mongoUris\.0: must begin with mongodb:/],
  ...['user:hunter2', 'user:hunter2/x', 'user:hun@ter2@host', '/db', 'a,,b', 'host:port', 'a b'].map(
    (rest): [string, unknown, RegExp] => [
      `a URI without a host that can be told: ${rest}`,
      { mongoUris: [`mongodb://${rest}`] },
      /^mongoUris\.0: must name hosts/,
    ],
  ),
  [
    'an unknown connection',
    runtime({ ...app, mongoConnKey: 'x' }),
    /^databases\.runtime\.0\.mongoConnKey: there is no "x"; there are "main"/,
  ],
  [
    'no connection',
    runtime({ ...app, mongoConnKey: undefined }),
    /^databases\.runtime\.0: needs exactly one of mongoConnKey/,
  ],
  [
    'two ways to a connection',
    runtime({ ...app, mongoUri: CONNECTION.mongoUri }),
    /^databases\.runtime\.0: needs exactly one/,
  ],
  [
    'unknown object storage',
    runtime({ ...app, spacesConnKey: 's3' }),
    /^databases\.runtime\.0\.spacesConnKey: there is no "s3"/,
  ],
  ['a key twice', runtime(app, { ...app, tenantId: 'b', dbName: 'b' }), /^databases: the key "app" is there twice/],
  [
    'a key twice over types',
    {
      ...runtime(app),
      databases: {
        ...runtime(app).databases,
        logs: { connection: { key: 'app', mongoConnKey: 'main', dbName: 'logs' } },
      },
    },
    /^databases: the key "app" is there twice/,
  ],
  [
    'a connection twice',
    { ...runtime(app), mongoConns: [CONNECTION, CONNECTION] },
    /^mongoConns\.1\.key: "main" is there twice/,
  ],
  ['storage twice', with_({ spacesConns: [SPACES, SPACES] }), /^spacesConns\.1\.key: "s3" is there twice/],
  [
    'eleven storages',
    with_({ spacesConns: Array.from({ length: 11 }, (_, n) => ({ ...SPACES, key: `s${n}` })) }),
    /^spacesConns: /,
  ],
  [
    'a tenant twice',
    runtime(app, { ...app, key: 'b', dbName: 'b' }),
    /^databases: "app" and "b" are both runtime of tenant "a"/,
  ],
  [
    'a tenant twice, by a template',
    runtime(app, { key: 't', dbName: 't_{tenantId}', tenantIds: ['a'] }),
    /^databases: "app" and "t" are both runtime of tenant "a"/,
  ],
  [
    'a database of two tenants',
    runtime(app, { ...app, key: 'b', tenantId: 'b' }),
    /^databases: "app" and "b" may be one database/,
  ],
  [
    'a template that makes a name of another',
    runtime({ ...app, dbName: 't_b' }, { key: 't', dbName: 't_{tenantId}', tenantIds: ['x'] }),
    /^databases: "app" and "t" may be one database/,
  ],
  [
    'names that differ in case',
    runtime(app, { ...app, key: 'b', tenantId: 'b', dbName: 'APP' }),
    /^databases: "app" and "b" may be one/,
  ],
  [
    'a database of two tenants, by connections to one server',
    {
      mongoConns: [
        { key: 'main', mongoUri: 'mongodb://ana:secret@one.example,two.example:27018/?replicaSet=rs0' },
        { key: 'more', mongoUri: 'mongodb://bob@Two.example:27018,one.example:27017/?maxPoolSize=5' },
      ],
      databases: {
        runtime: [
          { ...app, mongoConnKey: 'main' },
          { ...app, mongoConnKey: 'more', key: 'b', tenantId: 'b' },
        ],
      },
    },
    /^databases: "app" and "b" may be one database/,
  ],
  [
    'a tenant of tier domain',
    runtime({ ...app, tier: 'domain' }),
    /^databases\.runtime\.0\.tenantId: is for tier tenant/,
  ],
  ['two ids', runtime({ ...app, extIdentifier: 'b' }), /^databases\.runtime\.0\.extIdentifier: differs from tenantId/],
  [
    'a domain of nobody',
    runtime({ key: 'd', dbName: 'd', tier: 'domain' }),
    /^databases\.runtime\.0: needs an extIdentifier/,
  ],
  [
    'an id without a tier',
    runtime({ key: 'd', dbName: 'd', extIdentifier: 'd' }),
    /^databases\.runtime\.0: has an extIdentifier, but no tier/,
  ],
  [
    'an ill-formed tenant',
    runtime({ ...app, tenantId: '../a' }),
    /^databases\.runtime\.0\.extIdentifier: is no well-formed id/,
  ],
  [
    'a database of the server',
    runtime({ ...app, dbName: 'admin' }),
    /^databases\.runtime\.0\.dbName: is one of the server's own/,
  ],
  [
    'a name MongoDB refuses',
    runtime({ ...app, dbName: 'a.b' }),
    /^databases\.runtime\.0\.dbName: has one of the characters/,
  ],
  [
    'a name too long',
    runtime({ ...app, dbName: 'x'.repeat(64) }),
    /^databases\.runtime\.0\.dbName: is longer than the 63 bytes/,
  ],
  [
    'a name too long for a tenant',
    runtime({ key: 't', dbName: `${'x'.repeat(60)}{tenantId}`, tenantIds: ['abcd'] }),
    /^databases\.runtime\.0\.tenantIds\.0: the name of its database is longer/,
  ],
  [
    'a template without a tenant',
    runtime({ key: 't', dbName: '{domain}', tenantIds: ['a'] }),
    /^databases\.runtime\.0\.dbName: must have \{tenantId\} exactly once/,
  ],
  [
    'a template with two',
    runtime({ key: 't', dbName: '{tenantId}-{tenantId}', tenantIds: ['a'] }),
    /^databases\.runtime\.0\.dbName: must have \{tenantId\} exactly once/,
  ],
  [
    'a bad bucket',
    with_({ spacesConns: [{ ...SPACES, buckets: { ...SPACES.buckets, json: 'My_Bucket' } }] }),
    /^spacesConns\.0\.buckets\.json: must be a name of a bucket/,
  ],
  ['no buckets', with_({ spacesConns: [{ ...SPACES, buckets: undefined }] }), /^spacesConns\.0: names no buckets/],
  [
    'buckets twice',
    with_({ spacesConns: [{ ...SPACES, jsonBucket: 'json' }] }),
    /^spacesConns\.0: has both buckets and the flat names/,
  ],
  [
    'two storages of different kind',
    with_({ spacesConns: [SPACES], localStorage: { enabled: true, basePath: 'x' } }),
    /^localStorage: is enabled beside spacesConns/,
  ],
  ['a hash there is not', with_({ routing: { hashAlgo: 'modulo' } }), /^routing\.hashAlgo: /],
  [
    'an unknown part to hash',
    with_({ routing: { chooseKey: 'tenantId|planet' } }),
    /^routing\.chooseKey: .*unknown part "planet"; there are tenantId/,
  ],
  [
    'attempts that contradict',
    with_({ fallback: { enabled: true, maxAttempts: 3, maxRetries: 3 } }),
    /^fallback: maxAttempts is not maxRetries \+ 1/,
  ],
  [
    'delays that contradict',
    with_({ fallback: { enabled: true, baseDelayMs: 1, retryDelayMs: 2 } }),
    /^fallback: baseDelayMs and retryDelayMs differ/,
  ],
  [
    'a rule twice',
    with_({
      counterRules: {
        rules: [
          { name: 'x', when: {} },
          { name: 'x', when: {} },
        ],
      },
    }),
    /^counterRules\.rules\.1\.name: "x" is there twice/,
  ],
  [
    'a rule by the name of a total',
    with_({ counters: COUNTERS, counterRules: { rules: [{ name: 'created', when: {} }] } }),
    /^counterRules\.rules\.0\.name: is a total/,
  ],
  [
    'a rule that nobody could store',
    with_({ counters: COUNTERS, counterRules: { rules: [{ name: 'a.b', when: {} }] } }),
    /^counterRules\.rules\.0\.name: must be a name without dots/,
  ],
  [
    'a gauge of events',
    with_({ counters: COUNTERS, counterRules: { rules: [{ name: 'x', mode: 'gauge', on: ['CREATE'], when: {} }] } }),
    /^counterRules\.rules\.0\.on: is for events/,
  ],
  [
    'a gauge of payloads',
    with_({ counters: COUNTERS, counterRules: { rules: [{ name: 'x', mode: 'gauge', scope: 'payload', when: {} }] } }),
    /^counterRules\.rules\.0\.scope: is not for gauges/,
  ],
  [
    'rules and nowhere to count',
    with_({ counterRules: { rules: [{ name: 'x', when: {} }] } }),
    /^counterRules\.rules: needs a database/,
  ],
  ['counters nowhere', with_({ counters: { dbName: 'counters' } }), /^counters: needs either mongoUri or mongoConnKey/],
  [
    'counters on a connection there is not',
    with_({ counters: { mongoConnKey: 'nowhere', dbName: 'counters' } }),
    /^counters\.mongoConnKey: there is no "nowhere"/,
  ],
  [
    'a required property that is not indexed',
    with_({ collectionMaps: { users: { indexedProps: ['a'], validation: { requiredIndexed: ['b'] } } } }),
    /^collectionMaps\.users\.validation\.requiredIndexed: "b" is not among/,
  ],
])('%s is refused with its path', (_, config, problem) => {
  const problems = problemsOf(() => resolveConfig(config as EnhancedChronosConfig));
  expect(problems, inspect(problems)).toContainEqual(expect.stringMatching(problem));
});

it('all problems are told at once, and no secret with them', () => {
  const secret = 'mongodb://ana:hunter2@localhost';
  const config = {
    mongoConns: [{ key: 'main', mongoUri: secret }],
    databases: {
      runtime: [
        { key: 'a', mongoConnKey: 'mian', dbName: 'admin', tenantId: 'a' },
        { key: 'a', mongoConnKey: 'main', dbName: 'b', tenantId: 'a', spacesConnKey: 's4' },
      ],
    },
    spacesConns: [SPACES],
  };
  const problems = problemsOf(() => resolveConfig(config));
  expect(problems.length).toBeGreaterThanOrEqual(5);
  expect(problems.join()).not.toContain('hunter2');
  const malformed = { ...config, mongoConns: [{ key: 'main', mongoUri: 'postgres://ana:hunter2@localhost' }], x: 1 };
  expect(() => resolveConfig(malformed)).toThrow(ConfigError);
  expect(problemsOf(() => resolveConfig(malformed))).toHaveLength(2);
  expect(problemsOf(() => resolveConfig(malformed)).join()).not.toContain('hunter2');
});
