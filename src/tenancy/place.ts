import type { Database } from '../config/resolved-config.ts';
import { RouteMismatchError } from '../errors.ts';

/** Where data lives: one database, or the part of it that belongs to one tenant. */
export class Place {
  /** Names the place among all others. */
  readonly id: string;
  readonly database: Database;
  /** The key of the connection. */
  readonly connection: string;
  readonly dbName: string;
  /** The tenant it belongs to, where it belongs to one. */
  readonly tenantId: string | undefined;
  #closed: string | undefined;

  constructor(facts: Pick<Place, 'id' | 'database' | 'connection' | 'dbName' | 'tenantId'>) {
    this.id = facts.id;
    this.database = facts.database;
    this.connection = facts.connection;
    this.dbName = facts.dbName;
    this.tenantId = facts.tenantId;
  }

  /** From now on nothing reaches the place by what was made for it before. */
  close(why: string): void {
    this.#closed = why;
  }

  requireOpen(): void {
    if (this.#closed === undefined) return;
    throw new RouteMismatchError({ message: `Cannot reach the data of ${ownerOf(this)} any more: ${this.#closed}` });
  }
}

/** Whom a place belongs to, in words. */
export function ownerOf({ database, tenantId }: Place): string {
  if (tenantId !== undefined) return `tenant ${tenantId}`;
  if (database.tier === 'domain') return `domain ${database.extIdentifier}`;
  return database.tier === 'generic' ? `everyone (${database.key})` : database.key;
}

/** Whether data of the one must not meet data of the other: both belong to someone, and not to the same. */
export function areForeign(one: Place, another: Place): boolean {
  const { tier } = one.database;
  if (tier !== another.database.tier || tier === undefined || tier === 'generic') return false;
  return one.tenantId !== another.tenantId || one.database.extIdentifier !== another.database.extIdentifier;
}
