import type { DatabaseType, Tier } from '../types.ts';
import type { ShapedConfig, ShapedDatabase } from './config-schema.ts';
import { hostsOf } from './connection-string.ts';
import { problemOfDatabaseName } from './database-name.ts';
import { findOverlaps } from './database-overlap.ts';
import { fillTemplate, isTemplate, problemOfTemplate } from './database-template.ts';
import type { Report } from './resolve-config.ts';
import type { Database, ResolvedConfig } from './resolved-config.ts';
import { isTenantId } from './tenant-id.ts';

/** The name of the runtime database that a list of `mongoUris` stands for, where they name none. */
const DEFAULT_DATABASE = 'chronos';

const DATA_TYPES = ['metadata', 'knowledge', 'runtime'] as const;

type Connections = Map<string, string>;

/** Databases of both generations, and the connections they are on. */
export function resolveDatabases(
  config: ShapedConfig,
  spaces: ReadonlySet<string>,
  report: Report,
): Pick<ResolvedConfig, 'connections' | 'databases' | 'counters'> {
  const connections = connectionsOf(config, report);
  const databases = [...entriesOf(config)].map(
    (entry) => new DatabaseEntry(entry, connections, spaces, report).resolved,
  );
  const isHashed = config.mongoUris !== undefined && config.databaseTypes === undefined;
  if (isHashed) databases.push(hashedDatabase(config.mongoUris ?? [], connections, report));
  if (!isHashed && config.databases === undefined && config.databaseTypes === undefined) {
    report('databases', 'is missing. Name the databases there are, or give mongoUris');
  }
  reportDuplicates(databases, report);
  for (const [one, another] of findOverlaps(databases, connections)) {
    report(
      'databases',
      `${quoted(one.key)} and ${quoted(another.key)} may be one database on one server, and belong to different owners. Give them different names`,
    );
  }
  return { connections, databases, counters: countersOf(config, connections, report) };
}

function countersOf({ counters }: ShapedConfig, connections: Connections, report: Report): ResolvedConfig['counters'] {
  if (counters === undefined) return undefined;
  const { mongoUri, mongoConnKey, dbName } = counters;
  const problem = problemOfDatabaseName(dbName);
  if (problem !== undefined) report('counters.dbName', problem);
  if ((mongoUri === undefined) === (mongoConnKey === undefined)) {
    report('counters', 'needs either mongoUri or mongoConnKey');
  }
  if (mongoUri !== undefined) return { connection: connectionFor(mongoUri, connections), dbName };
  const connection = mongoConnKey ?? '';
  if (mongoConnKey !== undefined && !connections.has(connection)) {
    report('counters.mongoConnKey', `there is no ${quoted(connection)}`);
  }
  return { connection, dbName };
}

function connectionsOf({ mongoConns = [] }: ShapedConfig, report: Report): Connections {
  const connections: Connections = new Map();
  for (const [index, { key, mongoUri }] of mongoConns.entries()) {
    if (connections.has(key))
      report(`mongoConns.${index}.key`, `${quoted(key)} is there twice. Give each a key of its own`);
    connections.set(key, mongoUri);
  }
  return connections;
}

interface Entry {
  readonly path: string;
  readonly databaseType: DatabaseType;
  readonly given: ShapedDatabase;
  /** The tier of the list it stands in, in the first generation. */
  readonly tier?: Tier;
}

function* entriesOf({ databases = {}, databaseTypes = {} }: ShapedConfig): Generator<Entry> {
  for (const databaseType of DATA_TYPES) {
    const path = `databases.${databaseType}`;
    for (const [index, given] of (databases[databaseType] ?? []).entries()) {
      yield { path: `${path}.${index}`, databaseType, given };
    }
  }
  const { logs } = databases;
  if (logs !== undefined) yield { path: 'databases.logs.connection', databaseType: 'logs', given: logs.connection };
  for (const databaseType of DATA_TYPES) {
    const { generic, domains = [], tenants = [] } = databaseTypes[databaseType] ?? {};
    const path = `databaseTypes.${databaseType}`;
    if (generic !== undefined) yield { path: `${path}.generic`, databaseType, given: generic, tier: 'generic' };
    for (const [index, given] of domains.entries()) {
      yield { path: `${path}.domains.${index}`, databaseType, given, tier: 'domain' };
    }
    for (const [index, given] of tenants.entries()) {
      yield { path: `${path}.tenants.${index}`, databaseType, given, tier: 'tenant' };
    }
  }
}

/** One database of the configuration, checked on its own. */
class DatabaseEntry {
  readonly resolved: Database;
  readonly #entry: Entry;
  readonly #report: Report;

  constructor(entry: Entry, connections: Connections, spaces: ReadonlySet<string>, report: Report) {
    this.#entry = entry;
    this.#report = report;
    const { given, databaseType } = entry;
    const kind = isTemplate(given.dbName) ? 'template' : given.tenantIds === undefined ? 'single' : 'shared';
    this.resolved = {
      key: given.key,
      databaseType,
      kind,
      ...this.#owner(kind),
      dbName: this.#dbName(kind),
      connections: this.#connections(connections),
      tenantIds: this.#tenantIds(),
      spacesConnKey: given.spacesConnKey,
    };
    const { spacesConnKey } = given;
    if (spacesConnKey !== undefined && !spaces.has(spacesConnKey))
      this.#unknown('spacesConnKey', spacesConnKey, spaces);
  }

  #problem(problem: string, at?: string): undefined {
    this.#report(at === undefined ? this.#entry.path : `${this.#entry.path}.${at}`, problem);
  }

  #unknown(at: string, key: string, known: Iterable<string>): undefined {
    const there = [...known].map(quoted).join(', ');
    this.#problem(`there is no ${quoted(key)}${there === '' ? '' : `; there are ${there}`}`, at);
  }

  #dbName(kind: Database['kind']): string {
    const { dbName } = this.#entry.given;
    const problem =
      kind === 'template'
        ? (problemOfTemplate(dbName) ?? problemOfDatabaseName(dbName.replace('{tenantId}', 'a')))
        : problemOfDatabaseName(dbName);
    if (problem !== undefined) this.#problem(problem, 'dbName');
    return dbName;
  }

  #connections(known: Connections): string[] {
    const { mongoConnKey, mongoConnKeys, mongoUri } = this.#entry.given;
    const given = [mongoConnKey, mongoConnKeys, mongoUri].filter((way) => way !== undefined);
    if (given.length !== 1) {
      this.#problem('needs exactly one of mongoConnKey, mongoConnKeys and mongoUri');
      return [];
    }
    if (mongoUri !== undefined) return [connectionFor(mongoUri, known)];
    const keys = mongoConnKeys ?? [mongoConnKey as string];
    const at = mongoConnKeys === undefined ? 'mongoConnKey' : 'mongoConnKeys';
    for (const key of keys) if (!known.has(key)) this.#unknown(at, key, known.keys());
    if (new Set(keys).size < keys.length) this.#problem('has a connection twice', at);
    return keys;
  }

  /** Whom it belongs to: said by the tier and id, by the tenant's id alone, or by the list it stands in. */
  #owner(kind: Database['kind']): Pick<Database, 'tier' | 'extIdentifier'> {
    const { given, databaseType, tier: listed } = this.#entry;
    const tier = given.tier ?? listed ?? (given.tenantId === undefined && kind === 'single' ? undefined : 'tenant');
    const extIdentifier = given.extIdentifier ?? given.tenantId;
    if (databaseType === 'logs' && tier !== undefined) this.#problem('has no tiers: it is the one database of logs');
    if (listed !== undefined && tier !== listed) this.#problem(`is of tier ${listed} where it stands`, 'tier');
    if (given.tenantId !== undefined) this.#checkTenant(given.tenantId, tier);
    if (kind === 'single') this.#checkOwner(tier, extIdentifier);
    else this.#checkTenants(kind, tier, extIdentifier);
    return { tier, extIdentifier };
  }

  #checkTenant(tenantId: string, tier: Tier | undefined): void {
    const { extIdentifier = tenantId } = this.#entry.given;
    if (tier !== 'tenant') this.#problem(`is for tier tenant, and the tier is ${tier}. Use extIdentifier`, 'tenantId');
    if (extIdentifier !== tenantId) this.#problem('differs from tenantId. Give one of them', 'extIdentifier');
  }

  #checkOwner(tier: Tier | undefined, extIdentifier: string | undefined): void {
    if (tier === 'domain' || tier === 'tenant') {
      if (extIdentifier === undefined) this.#problem(`needs an extIdentifier: it belongs to one ${tier}`);
      else if (!isTenantId(extIdentifier)) this.#problem(ILL_FORMED, 'extIdentifier');
    } else if (extIdentifier !== undefined) {
      this.#problem('has an extIdentifier, but no tier it could belong to. Give tier domain or tenant');
    }
  }

  #checkTenants(kind: Database['kind'], tier: Tier | undefined, extIdentifier: string | undefined): void {
    const what = kind === 'template' ? 'is a template' : 'is shared by tenants';
    if (tier !== 'tenant') this.#problem(`${what}, and belongs to tier tenant only`, 'tier');
    if (extIdentifier !== undefined) this.#problem(`${what}, and belongs to no single one. List them in tenantIds`);
  }

  #tenantIds(): string[] {
    const { tenantIds = [], dbName } = this.#entry.given;
    for (const [index, id] of tenantIds.entries()) {
      const problem = isTenantId(id) ? problemOfDatabaseName(fillTemplate(dbName, id)) : undefined;
      if (!isTenantId(id)) this.#problem(ILL_FORMED, `tenantIds.${index}`);
      else if (problem !== undefined) this.#problem(`the name of its database ${problem}`, `tenantIds.${index}`);
    }
    return tenantIds;
  }
}

const ILL_FORMED = 'is no well-formed id: letters, digits, _ and -, at most 38, the first a letter or digit';

/** One connection for each connection string, however often it is given: its key are the servers it names. */
function connectionFor(mongoUri: string, known: Connections): string {
  for (const [key, uri] of known) if (uri === mongoUri) return key;
  const servers = hostsOf(mongoUri).join();
  const key = known.has(servers) ? `${servers}#${known.size}` : servers;
  known.set(key, mongoUri);
  return key;
}

/** A list of servers and nothing else: one runtime database, spread over them by hash. */
function hashedDatabase(mongoUris: readonly string[], known: Connections, report: Report): Database {
  const names = new Set(mongoUris.map((uri) => /^[^/]+\/\/[^/?]+\/([^/?]+)/.exec(uri)?.[1]));
  if (names.size > 1) report('mongoUris', 'name different databases. Let all name the same, or none');
  const [dbName = DEFAULT_DATABASE] = names;
  const problem = problemOfDatabaseName(dbName);
  if (problem !== undefined) report('mongoUris', `the name of the database ${problem}`);
  if (new Set(mongoUris).size < mongoUris.length) report('mongoUris', 'has a server twice');
  return {
    key: 'runtime',
    databaseType: 'runtime',
    tier: 'generic',
    extIdentifier: undefined,
    kind: 'single',
    dbName,
    connections: mongoUris.map((uri) => connectionFor(uri, known)),
    tenantIds: [],
    spacesConnKey: undefined,
  };
}

/** Two databases that one route would lead to are refused here, where the mistake is, and not when they are used. */
function reportDuplicates(databases: readonly Database[], report: Report): void {
  const keys = new Set<string>();
  const owners = new Map<string, string>();
  for (const database of databases) {
    const { key, databaseType, tier, extIdentifier, tenantIds, kind } = database;
    if (keys.has(key)) report('databases', `the key ${quoted(key)} is there twice. Keys are unique over all types`);
    keys.add(key);
    const owned = kind !== 'single' ? tenantIds : tier === undefined ? [] : [extIdentifier ?? ''];
    for (const owner of owned) {
      const name = `${databaseType} of ${tier}${owner === '' ? '' : ` ${quoted(owner)}`}`;
      const before = owners.get(name);
      if (before !== undefined) {
        report('databases', `${quoted(before)} and ${quoted(key)} are both ${name}. Let one be`);
      }
      owners.set(name, key);
    }
  }
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
