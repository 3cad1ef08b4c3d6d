import type { mongo } from 'mongoose';

/**
 * Tenants that share a collection have their documents in it under ids that carry the tenant, and each document names
 * its tenant once more in a field that indexes lead with:
 *
 *     { _id: { t: Binary(subtype 199, 'acme'), id: <the app's _id> }, tenantId: 'acme', email: 'x@y.z', _system: … }
 *
 * So equal ids of two tenants are two documents, and so are their versions (`_id: { id: { t, id }, ov }`). The tenant in
 * the id is binary because under a collation the server may hold different strings equal, but never different bytes.
 */
export interface RowId {
  readonly t: mongo.Binary;
  readonly id: unknown;
}

/** Of the subtypes that are free for the use of applications, the one that marks a tenant in an id. */
export const TENANT_SUBTYPE = 199;

export function isRowId(value: unknown): value is RowId {
  if (typeof value !== 'object' || value === null || !('t' in value) || !('id' in value)) return false;
  const { t } = value as { t: { _bsontype?: unknown; sub_type?: unknown } | null };
  return t?._bsontype === 'Binary' && t.sub_type === TENANT_SUBTYPE;
}

/** The tenant that an id is of; undefined for one that is stored as it is. */
export function tenantOf(id: unknown): string | undefined {
  return isRowId(id) ? Buffer.from(id.t.buffer).toString() : undefined;
}

/** An id as the app knows it. Ids that are stored as they are stay what they are. */
export function shownId(id: unknown): unknown {
  return isRowId(id) ? id.id : id;
}

/** A value of the library's own making with all ids in it as the app knows them. */
export function withShownIds(value: unknown): unknown {
  if (isRowId(value)) return value.id;
  if (Array.isArray(value)) return value.map(withShownIds);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withShownIds(inner)]));
}
