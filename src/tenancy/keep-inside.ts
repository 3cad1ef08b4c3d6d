import { ADMINISTRATION } from '../admin/administration.ts';
import { callersSession } from '../callers-session.ts';
import type { AnyModel } from '../capture/install.ts';
import { RouteMismatchError } from '../errors.ts';
import { areForeign, ownerOf, type Place } from './place.ts';
import type { PlaceConnection } from './place-connection.ts';
import { isDocument, placeOf, requireOwn } from './place-model.ts';
import { requireOwnSession } from './session-owner.ts';

type Method = (this: object, ...args: unknown[]) => unknown;

/** Statics and methods that reach what is stored without a collection of Mongoose's, and take a session. */
const STATICS = ['history', 'getLatest', 'getVersion', 'getAsOf', 'diff', 'enrich', 'restore'];
const METHODS = ['history', 'diff', 'asOf', 'enrich', 'restore'];

/**
 * Makes the models that derive from a compiled one refuse what belongs to somebody else: sessions, documents, and models
 * to populate from.
 */
export function keepInside(compiled: AnyModel): void {
  for (const name of STATICS) before(compiled, name, requireSessions);
  for (const name of METHODS) before(compiled.prototype, name, requireSessions);
  for (const name of ADMINISTRATION) before(compiled, name, ({ traffic }) => traffic.admit(undefined));
  before(compiled, 'bulkSave', ({ place }, [documents]) => {
    for (const document of [documents].flat()) if (isDocument(document)) requireOwn(document, place);
  });
  before(compiled, 'populate', ({ place }, [, paths]) => requireOwnModels(place, paths));
}

type Check = (connection: PlaceConnection, args: readonly unknown[]) => void;

/** An error of a check comes as the method's own would. */
function before(target: object, name: string, check: Check): void {
  const original = (target as Record<string, unknown>)[name];
  if (typeof original !== 'function') return;
  Object.defineProperty(target, name, {
    value(this: object, ...args: unknown[]) {
      const isPlaced = placeOf(this) !== undefined;
      const { db } = this as { db: PlaceConnection };
      try {
        if (isPlaced) check(db, args);
      } catch (error) {
        return Promise.reject(error);
      }
      const result = (original as Method).apply(this, args);
      return isPlaced ? db.traffic.followCall(result) : result;
    },
    writable: true,
    configurable: true,
  });
}

/** The session is the one that the options name, or that of the transaction around the call. */
function requireSessions(connection: PlaceConnection, args: readonly unknown[]): void {
  const options = args.at(-1);
  const session = callersSession({ db: connection }, isObject(options) ? options : undefined);
  requireOwnSession(session, connection.place);
  connection.traffic.admit(session);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function requireOwnModels(place: Place, paths: unknown): void {
  if (Array.isArray(paths)) {
    for (const path of paths) requireOwnModels(place, path);
    return;
  }
  if (typeof paths !== 'object' || paths === null) return;
  const { model, connection, populate } = paths as { model?: unknown; connection?: unknown; populate?: unknown };
  for (const target of [placeOf(model), placeOf({ db: connection })]) {
    if (target === undefined || !areForeign(place, target)) continue;
    throw new RouteMismatchError({
      message: `Cannot populate from the data of ${ownerOf(target)} in that of ${ownerOf(place)}`,
    });
  }
  requireOwnModels(place, populate);
}
