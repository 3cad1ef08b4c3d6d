import { asSent } from '../../system/guard.ts';
import type { RawDocument } from '../../types.ts';
import { refusal } from './refusal.ts';
import type { TenantRows } from './tenant-rows.ts';

/** A document of the app's as it is stored: under a stored id if it has one, and with the field that names the tenant. */
export function storedDocument(rows: TenantRows, document: unknown): RawDocument | Map<string, unknown> {
  const plain = asSent(document);
  rows.requireOwn(plain);
  if (plain instanceof Map) {
    const stored = plain.has('_id') ? new Map(plain).set('_id', rows.storedId(plain.get('_id'))) : new Map(plain);
    return stored.set(rows.field, rows.tenantId);
  }
  const id = plain._id === undefined || plain._id === null ? {} : { _id: rows.storedId(plain._id) };
  return { ...plain, ...id, [rows.field]: rows.tenantId };
}

/** An update of the app's, in whatever form, as one of what is stored. */
export function storedUpdate(rows: TenantRows, update: unknown): unknown {
  if (Array.isArray(update)) return storedStages(rows, update as RawDocument[]);
  if (typeof update !== 'object' || update === null) return update;
  return Object.fromEntries(
    Object.entries(update).map(([operator, fields]) => [operator, storedFields(rows, operator, fields)]),
  );
}

const SETTING = new Set(['$set', '$setOnInsert']);

/** The field that names the tenant may be set to what it is, and nothing else may be done to it. */
function storedFields(rows: TenantRows, operator: string, fields: unknown): unknown {
  if (typeof fields !== 'object' || fields === null) return fields;
  const entries = fields instanceof Map ? [...fields] : Object.entries(fields as RawDocument);
  return Object.fromEntries(
    entries.map(([path, value]: [string, unknown]) => {
      const isKept = SETTING.has(operator) && path === rows.field && value === rows.tenantId;
      const isOfField = isWithin(path, rows.field) || (operator === '$rename' && isWithin(value, rows.field));
      if (isOfField && !isKept) throw rows.foreign();
      const isOfId = isWithin(path, '_id') || (operator === '$rename' && isWithin(value, '_id'));
      if (!isOfId) return [path, value];
      if (path === '_id' && SETTING.has(operator)) return [path, rows.storedId(value)];
      throw refusal(rows.tenantId, `change _id by ${operator}`, 'Set it as a whole, by $set or $setOnInsert');
    }),
  );
}

function isWithin(path: unknown, field: string): boolean {
  return typeof path === 'string' && (path === field || path.startsWith(`${field}.`));
}

const UPDATE_STAGES = new Set(['$set', '$addFields', '$unset', '$project', '$replaceRoot', '$replaceWith']);

/**
 * Between a first stage that shows the document as the app knows it and a last one that stores it again, the app's own
 * stages may do what they like: a document without an id keeps its own, and the field names the tenant whatever they
 * have made of it.
 */
function storedStages(rows: TenantRows, stages: readonly RawDocument[]): RawDocument[] {
  for (const stage of stages) {
    const [operator = '', another] = Object.keys(stage ?? {});
    if (another === undefined && UPDATE_STAGES.has(operator)) continue;
    throw refusal(rows.tenantId, `update by the stage ${operator}`, 'Use $set, $unset, $project or $replaceWith');
  }
  const id = { $cond: [{ $eq: [{ $type: '$_id' }, 'missing'] }, '$$REMOVE', rows.storedIdOf('$_id')] };
  return [{ $set: { _id: '$_id.id' } }, ...stages, { $set: { _id: id, [rows.field]: { $literal: rows.tenantId } } }];
}
