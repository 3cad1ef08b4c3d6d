import { hostsOf } from './connection-string.ts';
import { mayCollide } from './database-template.ts';
import type { Database } from './resolved-config.ts';

/**
 * Pairs of databases that may turn out to be one and the same on a server, though different owners have them: then one
 * would read what the other wrote.
 */
export function findOverlaps(
  databases: readonly Database[],
  connections: ReadonlyMap<string, string>,
): [Database, Database][] {
  const servers = databases.map(
    (database) => new Set(database.connections.flatMap((key) => serversOf(connections.get(key) ?? ''))),
  );
  return databases.flatMap((one, index) =>
    databases.slice(index + 1).flatMap((another, offset): [Database, Database][] => {
      const others = servers[index + 1 + offset];
      const isElsewhere = ![...(servers[index] ?? [])].some((server) => others?.has(server));
      return isElsewhere || haveOneOwner(one, another) || !mayCollide(one.dbName, another.dbName)
        ? []
        : [[one, another]];
    }),
  );
}

/** Two connections with a host in common lead to one server, whatever else they say: users, options, other members. */
function serversOf(mongoUri: string): string[] {
  return hostsOf(mongoUri).map((host) => host.toLowerCase().replace(/:27017$/, ''));
}

/** Databases of different types may be one where whoever has the one has the other too. */
function haveOneOwner(one: Database, another: Database): boolean {
  if (one.databaseType === another.databaseType || one.kind !== another.kind) return false;
  if (one.kind === 'template') return one.dbName === another.dbName;
  if (one.kind === 'shared') return false;
  return one.tier === another.tier && one.extIdentifier === another.extIdentifier;
}
