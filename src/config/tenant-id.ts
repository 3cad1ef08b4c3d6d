/**
 * A tenant's id: letters, digits, `_` and `-`, at most 38, the first a letter or digit. It becomes part of names of
 * databases, keys of objects and messages, and none of these can be broken out of by it.
 */
const TENANT_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,37}$/;

/** Whether a value is well formed as a tenant's id. Only a primitive string is: nothing that merely turns into one. */
export function isTenantId(value: unknown): value is string {
  return typeof value === 'string' && TENANT_ID.test(value);
}
