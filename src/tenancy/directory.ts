import type { HashContext, TenantPlacement } from '../config/chronos-config.ts';
import { problemOfDatabaseName } from '../config/database-name.ts';
import { fillTemplate } from '../config/database-template.ts';
import type { Database, ResolvedConfig } from '../config/resolved-config.ts';
import { isTenantId } from '../config/tenant-id.ts';
import { ConfigError, RouteMismatchError, TenantNotFoundError } from '../errors.ts';
import type { DatabaseType } from '../types.ts';
import { jumpHash } from './jump-hash.ts';
import { Place } from './place.ts';
import { rendezvousHash } from './rendezvous-hash.ts';

type Route = HashContext;

const ROUTE_KEYS = [
  'key',
  'databaseType',
  'tier',
  'tenantId',
  'extIdentifier',
  'dbName',
  'collection',
  'objectId',
] as const;

/** Knows all databases and tenants, and finds the one place that a route names. It opens nothing. */
export class Directory {
  readonly #config: ResolvedConfig;
  readonly #byKey: ReadonlyMap<string, Database>;
  /** Where each tenant lives: one database, or one of each type. */
  readonly #tenants = new Map<string, Database[]>();
  readonly #pinned = new Map<string, string>();
  readonly #places = new Map<string, Place>();

  constructor(config: ResolvedConfig) {
    this.#config = config;
    this.#byKey = new Map(config.databases.map((database) => [database.key, database]));
    for (const database of config.databases) {
      const { kind, tier, extIdentifier, tenantIds } = database;
      const ids = kind === 'single' && tier === 'tenant' && extIdentifier !== undefined ? [extIdentifier] : tenantIds;
      for (const id of ids) this.#tenants.set(id, [...(this.#tenants.get(id) ?? []), database]);
    }
  }

  has(tenantId: string): boolean {
    return this.#tenants.has(tenantId);
  }

  tenantIds(): IterableIterator<string> {
    return this.#tenants.keys();
  }

  /** How many tenants each database has. */
  tenantCounts(): ReadonlyMap<Database, number> {
    const counts = new Map<Database, number>();
    for (const database of [...this.#tenants.values()].flat()) counts.set(database, (counts.get(database) ?? 0) + 1);
    return counts;
  }

  /**
   * Lets a tenant live in templates or shared databases.
   *
   * @throws ConfigError if it cannot live there, or lives somewhere already
   */
  add(tenantId: string, placements: readonly TenantPlacement[]): void {
    const databases = this.#habitableAll(tenantId, placements);
    if (this.#tenants.has(tenantId))
      throw notAdded(tenantId, 'it lives somewhere already. Move it, or remove it first');
    this.#settle(tenantId, databases, placements);
  }

  /**
   * Lets a tenant live in other places than before, and returns those it had.
   *
   * @throws ConfigError if it cannot live there; then nothing has changed
   */
  move(tenantId: string, placements: readonly TenantPlacement[]): Place[] {
    const databases = this.#habitableAll(tenantId, placements);
    const places = this.remove(tenantId);
    this.#settle(tenantId, databases, placements);
    return places;
  }

  /** Forgets a tenant, and returns the places that were its own. */
  remove(tenantId: string): Place[] {
    const databases = this.#tenants.get(tenantId) ?? [];
    this.#tenants.delete(tenantId);
    const places: Place[] = [];
    for (const { key } of databases) {
      const id = placeId(key, tenantId);
      this.#pinned.delete(id);
      const place = this.#places.get(id);
      if (place !== undefined) places.push(place);
      this.#places.delete(id);
    }
    return places;
  }

  /**
   * All places of a tenant.
   *
   * @throws TenantNotFoundError
   */
  placesOf(tenantId: string): Place[] {
    requireTenantId(tenantId);
    const databases = this.#tenants.get(tenantId);
    if (databases === undefined) throw unknownTenant(tenantId);
    return databases.map((database) => this.#placeOf(database, { tenantId }));
  }

  /** The place of a tenant that is known by its id alone, or together with a type of databases. */
  tenantPlace(tenantId: unknown, databaseType: DatabaseType | undefined, collection: string): Place {
    requireTenantId(tenantId);
    const databases = this.#tenants.get(tenantId);
    if (databases === undefined) throw unknownTenant(tenantId);
    const [database, another] =
      databaseType === undefined ? databases : databases.filter((one) => one.databaseType === databaseType);
    if (database === undefined) throw unknownTenant(tenantId, databaseType);
    if (another !== undefined) throw ambiguous(databases);
    return this.#placeOf(database, { tenantId, collection });
  }

  /**
   * The one place that a route names.
   *
   * @throws RouteMismatchError if it is none, or more than one
   * @throws TenantNotFoundError if it names a tenant that there is not
   */
  place(route: unknown): Place {
    const given = checkedRoute(route);
    const tenantId = given.tenantId ?? (given.tier === 'tenant' ? given.extIdentifier : undefined);
    if (tenantId !== undefined) {
      requireTenantId(tenantId);
      if (given.tier !== undefined && given.tier !== 'tenant')
        throw mismatch('has a tenantId, but is not for tier tenant');
      if (given.extIdentifier !== undefined && given.extIdentifier !== tenantId) {
        throw mismatch('names two tenants: tenantId and extIdentifier differ');
      }
      if (!this.#tenants.has(tenantId)) throw unknownTenant(tenantId);
    }
    const { tier, extIdentifier, key, dbName } = given;
    if (tier === 'domain' && extIdentifier === undefined && key === undefined && dbName === undefined) {
      throw mismatch('is for tier domain, and says not for which. Give extIdentifier');
    }
    const candidates = tenantId === undefined ? this.#config.databases : (this.#tenants.get(tenantId) ?? []);
    const matching = candidates.filter((database) => this.#matches(database, given, tenantId));
    const [database, another] = matching;
    if (database === undefined) throw mismatch(`leads nowhere: ${this.#whyNot(given, tenantId)}`);
    if (another !== undefined) throw ambiguous(matching);
    const owner = database.kind === 'single' && database.tier === 'tenant' ? database.extIdentifier : tenantId;
    if (owner === undefined && database.kind !== 'single')
      throw mismatch(`leads to ${quoted(database.key)}, which is of many tenants. Name one`);
    const isGone = owner !== undefined && this.#tenants.get(owner)?.includes(database) !== true;
    if (isGone) throw unknownTenant(owner, database.databaseType);
    return this.#placeOf(database, { ...given, tenantId: owner });
  }

  #matches(database: Database, route: Route, tenantId: string | undefined): boolean {
    const { key, databaseType, tier, extIdentifier, dbName } = route;
    if (key !== undefined && key !== database.key) return false;
    if (databaseType !== undefined && databaseType !== database.databaseType) return false;
    if (tier !== undefined && tier !== database.tier) return false;
    if (tenantId === undefined && extIdentifier !== undefined && extIdentifier !== database.extIdentifier) return false;
    return dbName === undefined || dbName === nameIn(database, tenantId);
  }

  #whyNot({ key, dbName }: Route, tenantId: string | undefined): string {
    if (key !== undefined && !this.#byKey.has(key)) return `no database has the key ${quoted(key)}`;
    if (dbName !== undefined) return 'no database of that name answers to the rest of it';
    return tenantId === undefined
      ? 'no database is configured for it'
      : `tenant ${quoted(tenantId)} has no such database`;
  }

  /** The place is made once, but where what is hashed is more than the tenant. */
  #placeOf(database: Database, route: HashContext): Place {
    const { tenantId } = route;
    const id = placeId(database.key, tenantId);
    const known = this.#places.get(id);
    if (known !== undefined) return known;
    const dbName = nameIn(database, tenantId);
    const connection = this.#connectionOf(database, id, () => hashContext(database, dbName, route));
    const isSpread = database.connections.length > 1 && tenantId === undefined;
    const place = new Place({ id: isSpread ? `${id}@${connection}` : id, database, connection, dbName, tenantId });
    if (!isSpread) this.#places.set(id, place);
    return place;
  }

  #connectionOf({ key, connections }: Database, id: string, context: () => HashContext): string {
    const pinned = this.#pinned.get(id);
    if (pinned !== undefined) return pinned;
    const [first, ...rest] = connections;
    if (first === undefined) throw mismatch(`leads to ${quoted(key)}, which is on no connection`);
    if (rest.length === 0) return first;
    const { chooseKey, hashAlgo } = this.#config.routing;
    const hashed: unknown = chooseKey(context());
    if (typeof hashed !== 'string' || hashed === '') {
      throw mismatch(
        `leads to ${quoted(key)}, which is spread over connections, and routing.chooseKey finds nothing in it to hash`,
      );
    }
    if (hashAlgo === 'rendezvous') return rendezvousHash(hashed, [first, ...rest]);
    return connections[jumpHash(hashed, connections.length)] ?? first;
  }

  #settle(tenantId: string, databases: Database[], placements: readonly TenantPlacement[]): void {
    for (const { database, mongoConnKey } of placements) {
      if (mongoConnKey !== undefined) this.#pinned.set(placeId(database, tenantId), mongoConnKey);
    }
    this.#tenants.set(tenantId, databases);
  }

  #habitableAll(tenantId: string, placements: readonly TenantPlacement[]): Database[] {
    requireTenantId(tenantId);
    const databases = placements.map((placement) => this.#habitable(tenantId, placement));
    const types = new Set(databases.map(({ databaseType }) => databaseType));
    if (databases.length === 0) throw notAdded(tenantId, 'no database is named for it');
    if (types.size < databases.length) throw notAdded(tenantId, 'it would have two databases of one type');
    return databases;
  }

  #habitable(tenantId: string, placement: TenantPlacement): Database {
    const { database: key, mongoConnKey } = (placement ?? {}) as TenantPlacement;
    const database = this.#byKey.get(key);
    if (database === undefined) throw notAdded(tenantId, `there is no database ${quoted(String(key))}`);
    if (database.kind === 'single')
      throw notAdded(tenantId, `${quoted(key)} is neither a template nor shared by tenants`);
    if (mongoConnKey !== undefined && !database.connections.includes(mongoConnKey)) {
      throw notAdded(tenantId, `${quoted(key)} is not on ${quoted(mongoConnKey)}`);
    }
    const problem = problemOfDatabaseName(nameIn(database, tenantId));
    if (problem !== undefined) throw notAdded(tenantId, `the name of its database ${problem}`);
    return database;
  }
}

function checkedRoute(route: unknown): Route {
  if (typeof route !== 'object' || route === null) throw mismatch('is no object');
  for (const [key, value] of Object.entries(route)) {
    if (!(ROUTE_KEYS as readonly string[]).includes(key))
      throw mismatch(`has the unknown key ${quoted(key)}; there are ${ROUTE_KEYS.join(', ')}`);
    if (value === undefined) continue;
    if (key === 'tenantId' || (key === 'extIdentifier' && (route as Route).tier === 'tenant')) requireTenantId(value);
    if (typeof value !== 'string' || value === '') throw mismatch(`has a ${key} that is no string`);
  }
  return route as Route;
}

/** A key of its own for each pair: no key of a database that could be mistaken for the other part. */
function placeId(key: string, tenantId: string | undefined): string {
  return tenantId === undefined ? key : `${key}\0${tenantId}`;
}

function nameIn({ kind, dbName }: Database, tenantId: string | undefined): string {
  return kind === 'template' && tenantId !== undefined ? fillTemplate(dbName, tenantId) : dbName;
}

/** What can be hashed. All that a tenant has is on one connection, so nothing but the tenant says on which. */
function hashContext(database: Database, dbName: string, { tenantId, collection, objectId }: Route): HashContext {
  const { key, databaseType, tier, extIdentifier } = database;
  const ofTenant = { key, databaseType, tier, extIdentifier, tenantId, dbName };
  return tenantId === undefined ? { ...ofTenant, collection, objectId } : ofTenant;
}

/**
 * @throws TenantNotFoundError for what cannot be any tenant's id
 */
export function requireTenantId(tenantId: unknown): asserts tenantId is string {
  if (isTenantId(tenantId)) return;
  throw new TenantNotFoundError({
    tenantId: undefined,
    message:
      'Cannot find a tenant by this id: it is no well-formed one. It must be a string of letters, digits, _ and -, at most 38, the first a letter or digit',
  });
}

function unknownTenant(tenantId: string, databaseType?: DatabaseType): TenantNotFoundError {
  const what = databaseType === undefined ? 'it' : `a ${databaseType} database of it`;
  return new TenantNotFoundError({
    tenantId,
    message: `Cannot find tenant ${quoted(tenantId)}: neither the configuration nor anything added since has ${what}. Tenants of resolveTenant are known once chronos.tenants.resolve(id) has been awaited`,
  });
}

function notAdded(tenantId: string, why: string): ConfigError {
  return new ConfigError({ message: `Cannot place tenant ${quoted(tenantId)}: ${why}` });
}

function mismatch(what: string): RouteMismatchError {
  return new RouteMismatchError({ message: `Cannot follow the route: it ${what}` });
}

function ambiguous(databases: readonly Database[]): RouteMismatchError {
  const keys = databases.map(({ key }) => quoted(key)).join(', ');
  return mismatch(`leads to ${keys}. Say which one, by key or databaseType`);
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}
