import type { Schema, SchemaType } from 'mongoose';

/** Parts of a type of Mongoose's that decide how values are cast, checked and stored. */
interface TypeInternals {
  readonly instance: string;
  readonly options: object;
  readonly validators: readonly object[];
  readonly getters: readonly unknown[];
  readonly setters: readonly unknown[];
  readonly defaultValue: unknown;
  readonly schema?: Schema;
  readonly embeddedSchemaType?: SchemaType;
  readonly caster?: SchemaType;
  readonly $__schemaType?: SchemaType;
  readonly discriminators?: Record<string, { schema: Schema }>;
  readonly Constructor?: { discriminators?: Record<string, { schema: Schema }> };
}

interface Portrait {
  readonly order: readonly string[];
  readonly [part: string]: unknown;
}

/** Everything that two schemas have to have in common to do the same; nested ones are portrayed, too. */
export function portrayed(schema: Schema, seen: readonly Schema[] = []): Portrait {
  if (seen.includes(schema)) return { order: ['itself'] };
  const within = [...seen, schema];
  const paths = Object.entries(schema.paths).map(([path, type]) => [path, portrayedType(type, within)] as const);
  const { virtuals, methods, statics } = schema;
  return {
    paths: Object.fromEntries(paths),
    order: paths.map(([path]) => path),
    options: withoutSchemas((schema as unknown as { options: object }).options),
    indexes: schema.indexes(),
    virtuals: Object.fromEntries(Object.entries(virtuals).map(([name, virtual]) => [name, portrayedVirtual(virtual)])),
    methods: withoutSchemas(methods),
    statics: withoutSchemas(statics),
    query: withoutSchemas((schema as unknown as { query: object }).query),
    hooks: hooksOf(schema),
    plugins: (schema as unknown as { plugins: { opts: unknown }[] }).plugins.map(({ opts }) => opts),
  };
}

function portrayedType(type: SchemaType, seen: readonly Schema[]): unknown {
  const inner = type as unknown as TypeInternals;
  const item = inner.embeddedSchemaType ?? inner.caster ?? inner.$__schemaType;
  const { discriminators = {} } = inner.Constructor ?? {};
  return {
    kind: inner.constructor.name,
    instance: inner.instance,
    options: withoutSchemas(inner.options),
    validators: withoutSchemas(inner.validators),
    accessors: [inner.getters.length, inner.setters.length],
    default: withoutSchemas(inner.defaultValue),
    schema: inner.schema === undefined ? undefined : portrayed(inner.schema, seen),
    item: isType(item) ? portrayedType(item, seen) : undefined,
    discriminators: Object.entries(discriminators).map(([name, { schema }]) => [name, portrayed(schema, seen)]),
  };
}

function isType(value: unknown): value is SchemaType {
  return typeof value === 'object' && value !== null && 'instance' in value;
}

function portrayedVirtual(virtual: unknown): unknown {
  const { path, getters, setters, options } = virtual as Record<string, unknown>;
  return { path, getters: (getters as unknown[]).length, setters: (setters as unknown[]).length, options };
}

function hooksOf(schema: Schema): unknown {
  const { _pres, _posts } = (schema as unknown as { s: { hooks: Record<string, Map<string, unknown[]>> } }).s.hooks;
  return [_pres, _posts].map((hooks) => [...(hooks ?? [])].map(([name, all]) => [name, all.length]));
}

/** Schemas among the options are portrayed beside them. Functions are equal that read equal, but for
 * spaces: some are made anew. */
function withoutSchemas(value: unknown): unknown {
  if (typeof value === 'function') return String(value).replace(/\s+/g, ' ');
  if (typeof value !== 'object' || value === null) return value;
  if ('instanceOfSchema' in value) return 'a schema';
  if (Array.isArray(value)) return value.map(withoutSchemas);
  if (value instanceof RegExp || value instanceof Date || '_bsontype' in value) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutSchemas(inner)]));
}
