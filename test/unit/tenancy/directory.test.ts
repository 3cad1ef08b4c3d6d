import { describe, expect, it } from 'vitest';
import { fillTemplate, mayCollide } from '../../../src/config/database-template.ts';
import { resolveConfig } from '../../../src/config/resolve-config.ts';
import { ConfigError, type HashContext, RouteMismatchError, TenantNotFoundError } from '../../../src/index.ts';
import { Directory } from '../../../src/tenancy/directory.ts';

const SERVERS = ['one', 'two', 'three', 'four'];

const spread = (routing: object = {}, servers: readonly string[] = SERVERS) =>
  new Directory(
    resolveConfig({
      mongoConns: SERVERS.map((key) => ({ key, mongoUri: `mongodb://${key}:27017` })),
      databases: {
        runtime: [
          { key: 'many', mongoConnKeys: servers, dbName: 't_{tenantId}', tenantIds: [] },
          { key: 'events', mongoConnKeys: servers, tier: 'generic', dbName: 'events' },
        ],
        metadata: [{ key: 'meta', mongoConnKey: 'one', dbName: 'm_{tenantId}', tenantIds: [] }],
      },
      routing,
    }),
  );

/** Where a tenant is of whom nothing is known but what is hashed. */
const spreadOf = (hashed: string) => spread({ chooseKey: () => hashed }).place({ key: 'events' }).connection;

const connectionsOf = (directory: Directory, count: number) => {
  const ids = Array.from({ length: count }, (_, n) => `t${n}`);
  for (const id of ids) directory.add(id, [{ database: 'many' }]);
  return ids.map((id) => directory.tenantPlace(id, undefined, 'users').connection);
};

describe('a database that is spread over connections', () => {
  it.each(['rendezvous', 'jump'])('has each tenant on one of them, and moves 1/n to a new one: %s', (hashAlgo) => {
    const before = connectionsOf(spread({ hashAlgo }, SERVERS.slice(0, 3)), 3_000);
    const after = connectionsOf(spread({ hashAlgo }), 3_000);
    expect(new Set(before)).toEqual(new Set(['one', 'two', 'three']));
    const moved = after.filter((connection, at) => connection !== before[at]);
    expect(moved.length / 3_000).toBeGreaterThan(0.2);
    expect(moved.length / 3_000).toBeLessThan(0.3);
    expect(new Set(moved)).toEqual(new Set(['four']));
  });

  it('has a tenant where it is told to, whatever the hash says', () => {
    const directory = spread();
    for (const [at, mongoConnKey] of SERVERS.entries()) {
      directory.add(`p${at}`, [{ database: 'many', mongoConnKey }]);
      expect(directory.tenantPlace(`p${at}`, 'runtime', 'users').connection).toBe(mongoConnKey);
    }
    expect(() => directory.add('q', [{ database: 'meta', mongoConnKey: 'two' }])).toThrow(/is not on "two"/);
  });

  it('has the collections of what has no tenant each on one of them, unless told otherwise', () => {
    const collections = Array.from({ length: 100 }, (_, n) => `c${n}`);
    const directory = spread();
    const places = () => collections.map((collection) => directory.place({ key: 'events', collection }).connection);
    expect(new Set(places())).toEqual(new Set(SERVERS));
    expect(places()).toEqual(places());
  });

  it('hashes what chooseKey says, a rule or a function, and refuses what it finds nothing in', () => {
    const byRule = spread({ chooseKey: 'collection:objectId' });
    const placesOf = (directory: Directory, routes: HashContext[]) =>
      new Set(routes.map((route) => directory.place({ key: 'events', ...route }).connection));
    const ofObjects = Array.from({ length: 100 }, (_, n) => ({ collection: 'events', objectId: String(n) }));
    expect(placesOf(byRule, ofObjects)).toEqual(new Set(SERVERS));
    const seen: HashContext[] = [];
    const byFunction = spread({
      chooseKey: (context: HashContext) => {
        seen.push(context);
        return 'always the same';
      },
    });
    expect(placesOf(byFunction, ofObjects).size).toBe(1);
    expect(seen[0]).toEqual({
      key: 'events',
      databaseType: 'runtime',
      tier: 'generic',
      extIdentifier: undefined,
      tenantId: undefined,
      dbName: 'events',
      collection: 'events',
      objectId: '0',
    });
    const byCollection = spread({ chooseKey: (context: HashContext) => context.collection ?? 'none' });
    byCollection.add('a', [{ database: 'many' }]);
    const collections = Array.from({ length: 50 }, (_, n) => `c${n}`);
    const placesOfA = collections.map((collection) => byCollection.place({ tenantId: 'a', key: 'many', collection }));
    expect(new Set(placesOfA).size).toBe(1);
    expect(placesOfA[0]?.connection).toBe(spreadOf('none'));
    for (const nothing of [() => '', () => undefined, () => 7]) {
      expect(() => spread({ chooseKey: nothing as never }).place({ key: 'events' })).toThrow(RouteMismatchError);
    }
  });
});

describe('tenants at run time', () => {
  it('are refused where they cannot live', () => {
    const directory = spread();
    const refused: [string, unknown, RegExp][] = [
      ['a', [{ database: 'nowhere' }], /no database "nowhere"/],
      ['a', [{ database: 'events' }], /neither a template nor shared/],
      ['a', [{ database: 'many' }, { database: 'many' }], /two databases of one type/],
      ['a', [], /no database is named/],
      ['a', [null], /no database/],
      ['a', [{}], /no database/],
      ['a', [{ database: 'constructor' }], /no database/],
    ];
    for (const [id, placements, reason] of refused) {
      expect(() => directory.add(id, placements as never)).toThrow(ConfigError);
      expect(() => directory.add(id, placements as never)).toThrow(reason);
    }
    expect(() => directory.add('../a', [{ database: 'many' }])).toThrow(TenantNotFoundError);
    directory.add('a', [{ database: 'many' }, { database: 'meta' }]);
    expect(() => directory.add('a', [{ database: 'many' }])).toThrow(/lives somewhere already/);
    expect(() => directory.tenantPlace('a', undefined, 'users')).toThrow(RouteMismatchError);
    expect(directory.tenantPlace('a', 'metadata', 'users').dbName).toBe('m_a');
  });

  it('stay where they are when they cannot move', () => {
    const directory = spread();
    directory.add('a', [{ database: 'many' }]);
    expect(() => directory.move('a', [{ database: 'events' }])).toThrow(ConfigError);
    expect(directory.tenantPlace('a', undefined, 'users').dbName).toBe('t_a');
    expect(directory.move('a', [{ database: 'meta' }]).map(({ dbName }) => dbName)).toEqual(['t_a']);
    expect(directory.tenantPlace('a', undefined, 'users').dbName).toBe('m_a');
    expect(directory.remove('a')).toHaveLength(1);
    expect(directory.remove('a')).toHaveLength(0);
    expect(directory.has('a')).toBe(false);
  });
});

describe('templates', () => {
  it('make different names of different tenants, also where the server takes no notice of case', () => {
    const ids = ['a', 'A', 'a-b', 'a_b', 'aB', 'Ab', 'AB', 'ab', '0', 'a-', 'a--b', 'acme', 'Acme', 'ACME', 'aCME'];
    const names = ids.map((id) => fillTemplate('app_{tenantId}_x', id).toLowerCase());
    expect(new Set(names).size).toBe(ids.length);
    expect(fillTemplate('app_{tenantId}', '$&')).toBe('app_$&');
  });

  it('that could make one name are told', () => {
    expect(mayCollide('{tenantId}-c', 'a-{tenantId}')).toBe(true);
    expect(mayCollide('a-{tenantId}', 'a-b-{tenantId}')).toBe(true);
    expect(mayCollide('a-{tenantId}', 'b-{tenantId}')).toBe(false);
    expect(mayCollide('a-{tenantId}', 'a-')).toBe(false);
    expect(mayCollide('a-{tenantId}', 'A-x')).toBe(true);
  });
});
