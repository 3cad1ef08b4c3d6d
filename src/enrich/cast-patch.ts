import type { Model, Mongoose, Schema } from 'mongoose';
import { type AnyDocument, definedFields, fieldAt, isDocument } from '../bson/equality.ts';

/** What of Mongoose's schema types the casting of a patch goes by; not all of it is in their public types. */
interface PathType {
  readonly instance: string;
  readonly schema?: Schema;
  readonly $isSingleNested?: boolean;
  readonly $isMongooseDocumentArray?: boolean;
  readonly $isMongooseArray?: boolean;
  readonly $isSchemaMap?: boolean;
  readonly $immutable?: unknown;
  /** The type of a Map's values. */
  readonly $__schemaType?: PathType;
  /** The type of an array's items, in Mongoose 9 and in Mongoose 8. */
  readonly embeddedSchemaType?: PathType;
  readonly $embeddedSchemaType?: PathType;
  applySetters(value: unknown, scope: null): unknown;
  cast(value: unknown): unknown;
}

/**
 * A patch with its values as the schema stores them. Only what the patch names is cast: nothing is required, and no
 * default is filled in, but for items that are new to an array of subdocuments. What the schema does not know is left
 * out, kept or refused as `strict` says. Values that are cast go through the setters of their path.
 *
 * @throws Mongoose's CastError or StrictModeError
 */
export function castPatch(model: Model<unknown>, patch: AnyDocument): Record<string, unknown> {
  const { schema } = model;
  const { discriminatorKey } = schema.options as { discriminatorKey?: string };
  const kept = definedFields(patch).filter(
    ([name]) => name !== '_id' && name !== '_system' && !(name === discriminatorKey && isDiscriminated(schema)),
  );
  return new PatchCaster(model.base).castFields(schema, new Map(kept));
}

function isDiscriminated(schema: Schema): boolean {
  return (schema as { discriminatorMapping?: unknown }).discriminatorMapping !== undefined;
}

class PatchCaster {
  readonly #errors: Mongoose['Error'];

  constructor(base: Mongoose) {
    this.#errors = base.Error;
  }

  castFields(schema: Schema, fields: AnyDocument, prefix = ''): Record<string, unknown> {
    const cast: Record<string, unknown> = {};
    for (const [name, value] of definedFields(fields)) {
      const path = `${prefix}${name}`;
      const kind = name.includes('.') ? 'adhocOrUndefined' : schema.pathType(path);
      if (kind === 'real') {
        const type = schema.path(path) as unknown as PathType;
        if (type.$immutable !== true) cast[name] = this.#castValue(type, value);
      } else if (kind === 'nested') {
        cast[name] = this.#castNested(schema, path, value);
      } else if (kind !== 'virtual' && this.#keepsUnknown(schema, path)) {
        cast[name] = value;
      }
    }
    return cast;
  }

  #castNested(schema: Schema, path: string, value: unknown): unknown {
    if (value === null) return null;
    if (isDocument(value)) return this.castFields(schema, value, `${path}.`);
    throw new this.#errors.CastError('Object', value, path);
  }

  #keepsUnknown(schema: Schema, path: string): boolean {
    const { strict } = schema.options as { strict?: boolean | 'throw' };
    if (strict === 'throw') throw new this.#errors.StrictModeError(path);
    return strict === false;
  }

  #castValue(type: PathType, value: unknown): unknown {
    if (value === null || type.instance === 'Mixed') return value;
    if (type.$isMongooseDocumentArray) return [value].flat().map((item) => this.#castItem(type, item));
    if (type.$isMongooseArray) return this.#castItems(type, value);
    if (isDocument(value) && type.$isSingleNested && type.schema !== undefined) {
      return this.castFields(kindOf(type.schema, value), value);
    }
    if (isDocument(value) && type.$isSchemaMap) return this.#castMap(type, value);
    return type.applySetters(value, null);
  }

  /** A single value goes to the items of an array as one of them. */
  #castItems(type: PathType, value: unknown): unknown {
    const itemType = type.embeddedSchemaType ?? type.$embeddedSchemaType;
    if (itemType === undefined) return value;
    return Array.isArray(value)
      ? value.map((item) => this.#castValue(itemType, item))
      : this.#castValue(itemType, value);
  }

  /** An item with an id is meant for the one that has it; one without is new, and is made as Mongoose makes them. */
  #castItem(type: PathType, item: unknown): unknown {
    if (item === null) return null;
    if (isDocument(item) && type.schema !== undefined && hasId(item)) {
      return this.castFields(kindOf(type.schema, item), item);
    }
    const [made] = type.cast([isDocument(item) ? Object.fromEntries(definedFields(item)) : item]) as {
      toBSON(): unknown;
    }[];
    return made?.toBSON();
  }

  #castMap(type: PathType, value: AnyDocument): Map<string, unknown> {
    const { $__schemaType: valueType } = type;
    const entries = definedFields(value).map(([key, item]): [string, unknown] => [
      key,
      valueType === undefined ? item : this.#castValue(valueType, item),
    ]);
    return new Map(entries);
  }
}

function hasId(item: AnyDocument): boolean {
  return fieldAt(item, '_id') !== undefined || fieldAt(item, 'id') !== undefined;
}

/** The schema of an embedded discriminator, where the value names it. */
function kindOf(schema: Schema, value: AnyDocument): Schema {
  const { discriminators, options } = schema as unknown as {
    discriminators?: Readonly<Record<string, Schema>>;
    options: { discriminatorKey?: string };
  };
  const kind = fieldAt(value, options.discriminatorKey ?? '__t');
  return (typeof kind === 'string' ? discriminators?.[kind] : undefined) ?? schema;
}
