import { isRowId, type RowId } from '../row-id.ts';
import type { RawDocument } from '../types.ts';

/** What a tenant has of a collection it shares: how its documents are stored, and what limits a command to them. */
export interface Rows {
  readonly tenantId: string;
  /** The field that names the tenant. */
  readonly field: string;
  /** Stored ids from the first to the last that the tenant could have. */
  readonly allIds: { readonly $gte: RowId; readonly $lte: RowId };
  storedId(id: unknown): RowId;
  /** A filter of the app's as one over what is stored, which finds nothing of anybody else. */
  filter(filter: RawDocument): RawDocument;
  /**
   * Sees to it that content does not name another tenant.
   *
   * @throws RouteMismatchError
   */
  requireOwn(content: unknown): void;
  /** An error of the server's, told in the app's own terms. It stays the very error it is. */
  shownError(error: unknown): unknown;
}

const ROWS = Symbol('chronos rows');

/** Says that a model's collection is shared, and whose part of it the model is for. */
export function markRows(collection: object, rows: Rows): void {
  Object.defineProperty(collection, ROWS, { value: rows });
}

/** The part of a collection that a model is for; undefined where it is for all of it. */
export function rowsOf(model: unknown): Rows | undefined {
  const { $__collection: collection } = (model ?? {}) as { $__collection?: { readonly [ROWS]?: Rows } };
  return collection?.[ROWS];
}

/** Whether a condition on stored ids is no more than that they are a tenant's. */
export function isAllIds(condition: unknown): condition is Rows['allIds'] {
  const { $gte, $lte, ...rest } = (condition ?? {}) as { $gte?: unknown; $lte?: unknown };
  return (
    isRowId($gte) &&
    isRowId($lte) &&
    Object.keys(rest).length === 0 &&
    isKey($gte.id, 'MinKey') &&
    isKey($lte.id, 'MaxKey')
  );
}

function isKey(value: unknown, type: 'MinKey' | 'MaxKey'): boolean {
  return (value as { _bsontype?: unknown } | null | undefined)?._bsontype === type;
}
