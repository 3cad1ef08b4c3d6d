import type { ClientSession, mongo } from 'mongoose';
import type { AnyModel } from '../capture/install.ts';
import { checkLaterStages } from '../capture/later-stages.ts';
import { RouteMismatchError } from '../errors.ts';
import type { RawDocument } from '../types.ts';
import { type FreshCollection, mayCreate } from './fresh-collection.ts';
import { ownerOf, type Place } from './place.ts';
import type { PlaceConnection } from './place-connection.ts';
import { rowCollection } from './rows/row-collection.ts';
import type { RowScope } from './rows/row-scope.ts';
import { requireOwnSession } from './session-owner.ts';
import type { Traffic } from './traffic.ts';

type DriverCollection = mongo.Collection<RawDocument>;

/**
 * Looks like the collection of a model at a place, but whatever Mongoose asks of the driver's collection is first asked
 * whether it stays there.
 *
 * @param scope the part of the collection that belongs to the place, where it is not all of it
 */
export function placeCollection(
  capturing: AnyModel['$__collection'],
  { place, traffic }: Pick<PlaceConnection, 'place' | 'traffic'>,
  scope: RowScope | undefined,
  fresh: FreshCollection,
): AnyModel['$__collection'] {
  const guard = new PlaceGuard(place, traffic, fresh);
  let current: DriverCollection | null = null;
  let guarded: DriverCollection | null = null;
  return Object.create(capturing, {
    collection: {
      get() {
        place.requireOpen();
        const { collection } = capturing;
        if (collection !== current) {
          current = collection;
          guarded = collection === null ? null : scoped(new Proxy(collection, guard), scope);
        }
        return guarded;
      },
      set() {
        // Mongoose resets it on reconnect; the getter follows the collection underneath.
      },
    },
    ...(scope === undefined ? {} : { conn: { value: scope.connection } }),
  }) as AnyModel['$__collection'];
}

function scoped(collection: DriverCollection, scope: RowScope | undefined): DriverCollection {
  return scope === undefined ? collection : rowCollection(scope.rows, collection, scope.neighbours);
}

type Method = (...args: unknown[]) => unknown;

class PlaceGuard implements ProxyHandler<DriverCollection> {
  readonly #place: Place;
  readonly #traffic: Traffic;
  readonly #fresh: FreshCollection;

  constructor(place: Place, traffic: Traffic, fresh: FreshCollection) {
    this.#place = place;
    this.#traffic = traffic;
    this.#fresh = fresh;
  }

  get(target: DriverCollection, name: string | symbol): unknown {
    const value: unknown = Reflect.get(target, name);
    if (typeof value !== 'function' || name === 'constructor') return value;
    return (...args: unknown[]) => {
      const { session } = (args.at(-1) ?? {}) as { session?: ClientSession };
      requireOwnSession(session, this.#place);
      this.#traffic.admit(session);
      if (name === 'aggregate' || name === 'watch') requireOwnDatabase(args[0], this.#place);
      const call = () => (value as Method).apply(target, args);
      const result = !this.#fresh.isThere && mayCreate(name, args.at(-1)) ? this.#fresh.ensure().then(call) : call();
      if (name === 'watch') this.#traffic.followStream(result as mongo.ChangeStream);
      if (name === 'aggregate') this.#checkLaterStages(result as mongo.AggregationCursor);
      return this.#traffic.followCall(result);
    };
  }

  #checkLaterStages(cursor: mongo.AggregationCursor): void {
    checkLaterStages(cursor, (stage) => requireOwnDatabase(stage, this.#place));
  }
}

/** Stages that name a database. */
const JOINS = ['$out', '$merge', '$lookup', '$graphLookup', '$unionWith'] as const;

/** No stage of a pipeline, however deep, reads or writes another database. */
function requireOwnDatabase(pipeline: unknown, place: Place): void {
  if (Array.isArray(pipeline)) {
    for (const part of pipeline) requireOwnDatabase(part, place);
    return;
  }
  if (typeof pipeline !== 'object' || pipeline === null) return;
  for (const [operator, value] of Object.entries(pipeline)) {
    const named = JOINS.some((join) => join === operator) ? databaseNamedBy(value) : undefined;
    if (named !== undefined && named !== place.dbName) {
      throw new RouteMismatchError({
        message: `Cannot ${operator} another database from the data of ${ownerOf(place)}. Leave its name out`,
      });
    }
    if (typeof value === 'object') requireOwnDatabase(value, place);
  }
}

/** `{ db, coll }`, `{ into: { db, coll } }` or `{ from: { db, coll } }`. */
function databaseNamedBy(target: unknown): unknown {
  if (typeof target !== 'object' || target === null) return undefined;
  const { db, into, from } = target as { db?: unknown; into?: unknown; from?: unknown };
  return db ?? databaseNamedBy(into) ?? databaseNamedBy(from);
}
