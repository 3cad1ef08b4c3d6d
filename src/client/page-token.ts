import { ConfigError } from '../errors.ts';
import type { Bson } from '../types.ts';
import { checkedCondition } from './checked-data.ts';

/** Where a page ended: the values that its last document is sorted by. */
export type Position = readonly unknown[];

const LONGEST = 65_536;

/**
 * A position as an opaque text: base64url of the BSON `{ of: 'name:1,_id:1', at: [{ v: 'x' }, { v: <id> }] }`, where an
 * empty list is `{}`.
 *
 * @param listing what the position belongs to: it is good for no other
 */
export function pageToken(bson: Bson, listing: string, position: Position): string {
  const at = position.map((value) => (value === undefined ? {} : { v: value }));
  return Buffer.from(bson.serialize({ of: listing, at })).toString('base64url');
}

/** @throws ConfigError for a text that is no token, or one of another listing */
export function positionOf(bson: Bson, listing: string, token: unknown): Position {
  if (typeof token !== 'string' || token.length > LONGEST) throw refusal('is none');
  const { of, at } = decoded(bson, token);
  if (of !== listing) throw refusal('is of another listing. Give it with the sort and the instant of the page before');
  if (!Array.isArray(at)) throw refusal('is none');
  return at.map((entry) => (checkedCondition('use this pageToken', entry) as { v?: unknown }).v);
}

function decoded(bson: Bson, token: string): { readonly of?: unknown; readonly at?: unknown } {
  try {
    return bson.deserialize(Buffer.from(token, 'base64url'));
  } catch {
    throw refusal('is none');
  }
}

function refusal(why: string): ConfigError {
  return new ConfigError({ message: `Cannot go on from this pageToken: it ${why}` });
}
