import type { Schema } from 'mongoose';
import { EntityDefinitionError } from '../errors.ts';
import { rowsOf } from '../system/rows.ts';

/**
 * Makes the field that tells tenants apart a path of the schema, if it is none yet. Where a collection is shared, a new
 * document has it from the beginning; where it is not, nothing needs it.
 */
export function addTenantField(schema: Schema, entity: string, field: string): void {
  if (field.includes('.') || field.startsWith('_') || field.startsWith('$')) {
    throw new EntityDefinitionError(entity, field, 'as a tenantField it must be a field at the top, without . or $');
  }
  if (schema.path(field) === undefined) schema.add({ [field]: String } as never);
  const path = schema.path(field) as { instance: string; default(value: unknown): unknown };
  if (path.instance !== 'String') {
    throw new EntityDefinitionError(
      entity,
      field,
      `it is the tenantField and must be a string, and is ${path.instance}`,
    );
  }
  path.default(function (this: { constructor: unknown } | null | undefined) {
    return rowsOf(this?.constructor)?.tenantId;
  });
}
