import type { mongo } from 'mongoose';
import { RouteMismatchError } from '../../errors.ts';
import { recordExpression } from '../../history/record-paths.ts';
import { isPlainObject } from '../../plain-object.ts';
import { type RowId, TENANT_SUBTYPE } from '../../row-id.ts';
import type { Rows } from '../../system/rows.ts';
import type { RawDocument } from '../../types.ts';
import { refusal } from './refusal.ts';
import { shownError } from './row-results.ts';

/** What of the driver it takes to write stored ids. */
export type IdTypes = Pick<typeof mongo, 'Binary' | 'MinKey' | 'MaxKey' | 'ObjectId'>;

/** One tenant's part of a collection that tenants share. */
export class TenantRows implements Rows {
  readonly tenantId: string;
  readonly field: string;
  readonly allIds: Rows['allIds'];
  readonly #t: mongo.Binary;
  readonly #newId: () => unknown;

  constructor(tenantId: string, field: string, { Binary, MinKey, MaxKey, ObjectId }: IdTypes) {
    this.tenantId = tenantId;
    this.field = field;
    this.#t = new Binary(Buffer.from(tenantId), TENANT_SUBTYPE);
    this.#newId = () => new ObjectId();
    this.allIds = { $gte: this.storedId(new MinKey()), $lte: this.storedId(new MaxKey()) };
  }

  storedId(id: unknown): RowId {
    return { t: this.#t, id };
  }

  newStoredId(): RowId {
    return this.storedId(this.#newId());
  }

  /** The same in an aggregation, of an id that an expression gives. */
  storedIdOf(id: unknown): RawDocument {
    return { t: { $literal: this.#t }, id };
  }

  /**
   * Ids that are named are enough to find nobody else's documents. Where none are, the range of all of the tenant's ids
   * keeps out the others' on an index that is always there, and the field does so on those of the schema, which it leads.
   */
  filter(filter: RawDocument | Map<string, unknown> | null | undefined): RawDocument {
    const given: RawDocument = filter instanceof Map ? Object.fromEntries(filter) : (filter ?? {});
    const { _id: id, [this.field]: tenant, ...rest } = given;
    const own = this.#beside(this.#condition(rest), tenant);
    const field = { [this.field]: this.tenantId };
    const named = namedIds(id);
    if (named !== undefined) return { ...own, _id: this.#storedIds(named), ...(namesText(rest) ? field : {}) };
    const condition = Object.hasOwn(given, '_id') ? { '_id.id': id } : {};
    return { ...own, ...condition, _id: this.#within(id), ...field };
  }

  requireOwn(content: unknown): void {
    const value = content instanceof Map ? content.get(this.field) : (content as RawDocument | null)?.[this.field];
    if (value !== undefined && value !== this.tenantId) throw this.foreign();
  }

  shownError(error: unknown): unknown {
    return shownError(this, error);
  }

  foreign(): RouteMismatchError {
    return new RouteMismatchError({
      message: `Cannot use another value of ${this.field} in the data of tenant ${this.tenantId}: the field names the tenant, and is kept by the library. Leave it out`,
    });
  }

  /** A part of a filter: what is said of `_id` is said of where it is stored. */
  #condition(filter: RawDocument | Map<string, unknown>): RawDocument {
    const parts = filter instanceof Map ? [...filter] : Object.entries(filter);
    return Object.fromEntries(parts.map(([key, value]) => this.#part(key, value)));
  }

  #part(key: string, value: unknown): [string, unknown] {
    if (key === '$and' || key === '$or' || key === '$nor') {
      return [key, Array.isArray(value) ? value.map((part: RawDocument) => this.#condition(part)) : value];
    }
    if (key === '$expr') return [key, recordExpression(value)];
    if (key.startsWith('$') && !HARMLESS.has(key))
      throw refusal(this.tenantId, `filter by ${key}`, 'Use $expr instead');
    if (key === '_id') {
      const named = namedIds(value);
      return named === undefined ? ['_id.id', value] : ['_id', this.#storedIds(named)];
    }
    return [key.startsWith('_id.') ? `_id.id${key.slice(3)}` : key, value];
  }

  /** A condition, and beside it what the app itself asks of the field that names the tenant. */
  #beside(condition: RawDocument, tenant: unknown): RawDocument {
    if (tenant === undefined || tenant === this.tenantId) return condition;
    if (typeof tenant === 'string') throw this.foreign();
    return { ...condition, $and: [...((condition.$and ?? []) as unknown[]), { [this.field]: tenant }] };
  }

  #storedIds({ $eq, $in }: NamedIds): RawDocument {
    return $in === undefined ? { $eq: this.storedId($eq ?? null) } : { $in: $in.map((id) => this.storedId(id)) };
  }

  /** The tenant's ids as far as an index can tell that they may meet a condition. */
  #within(condition: unknown): RawDocument {
    const { $gt, $gte, $lt, $lte } = (isOperators(condition) ? condition : {}) as Record<string, unknown>;
    const lower = this.#bound('$gt', $gt) ?? this.#bound('$gte', $gte) ?? { $gte: this.allIds.$gte };
    const upper = this.#bound('$lt', $lt) ?? this.#bound('$lte', $lte) ?? { $lte: this.allIds.$lte };
    return { ...lower, ...upper };
  }

  #bound(operator: string, id: unknown): RawDocument | undefined {
    return id === undefined || id === null ? undefined : { [operator]: this.storedId(id) };
  }
}

/** Operators of a filter that look at nothing but the document at hand, as values and not by program code. */
const HARMLESS = new Set(['$text', '$comment', '$jsonSchema', '$sampleRate', '$alwaysTrue', '$alwaysFalse']);

/** Ids that a condition demands by equality: one, or one of some. */
interface NamedIds {
  readonly $eq?: unknown;
  readonly $in?: readonly unknown[];
}

function namedIds(condition: unknown): NamedIds | undefined {
  if (condition === undefined || condition instanceof RegExp || isBsonRegExp(condition)) return undefined;
  if (!isOperators(condition)) return { $eq: condition };
  const [operator, another] = Object.keys(condition);
  if (another !== undefined) return undefined;
  if (operator === '$eq') return { $eq: condition.$eq };
  const { $in } = condition;
  const isList = operator === '$in' && Array.isArray($in);
  return isList && !$in.some((id) => id instanceof RegExp || isBsonRegExp(id)) ? { $in: $in as unknown[] } : undefined;
}

function isBsonRegExp(value: unknown): boolean {
  return (value as { _bsontype?: unknown } | null)?._bsontype === 'BSONRegExp';
}

/** `{ $gt: 7 }`, and not a value, which may be a document as well. */
function isOperators(condition: unknown): condition is RawDocument {
  if (!isPlainObject(condition) || '_bsontype' in condition) return false;
  return Object.keys(condition).some((key) => key.startsWith('$'));
}

function namesText(filter: RawDocument): boolean {
  return Object.entries(filter).some(
    ([key, value]) => key === '$text' || (key === '$and' && Array.isArray(value) && value.some(namesText)),
  );
}
