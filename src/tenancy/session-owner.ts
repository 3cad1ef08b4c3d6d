import type { ClientSession } from 'mongoose';
import { RouteMismatchError } from '../errors.ts';
import { areForeign, ownerOf, type Place } from './place.ts';

const owners = new WeakMap<ClientSession, Place>();

/** Remembers at which place a session was started. */
export function markSession(session: ClientSession, place: Place): ClientSession {
  owners.set(session, place);
  return session;
}

/**
 * Sees to it that a session does not carry a transaction from one tenant into the data of another.
 *
 * @throws RouteMismatchError
 */
export function requireOwnSession(session: ClientSession | null | undefined, place: Place): void {
  const owner = session === undefined || session === null ? undefined : owners.get(session);
  if (owner === undefined || !areForeign(owner, place)) return;
  throw new RouteMismatchError({
    message: `Cannot use a session of ${ownerOf(owner)} in the data of ${ownerOf(place)}. Start one there`,
  });
}
