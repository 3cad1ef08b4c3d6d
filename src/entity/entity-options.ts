import type { SchemaOptions } from 'mongoose';
import { z } from 'zod';
import { type ChronosPluginOptions, pluginOptions } from '../config/options.ts';
import { strict } from '../config/strict.ts';
import { EntityDefinitionError } from '../errors.ts';
import type { DatabaseType, Tier } from '../types.ts';

/** How a property holds bytes, written as a base64 string. */
export interface Base64Options {
  readonly contentType: string;
  /**
   * Keep the decoded text beside the bytes.
   * @default false
   */
  readonly preferredText?: boolean | undefined;
  /**
   * The charset to decode text with.
   * @default 'utf-8'
   */
  readonly textCharset?: string | undefined;
}

/** Options of `@ChronosEntity`. */
export interface EntityOptions {
  /**
   * The name of its models.
   * @default the name of the class
   */
  readonly name?: string | undefined;
  /**
   * The collection of the current documents.
   * @default the plural of the name, as Mongoose makes it
   */
  readonly collection?: string | undefined;
  /** Which kind of database the entity lives in. */
  readonly databaseType?: DatabaseType | undefined;
  /** Whom the databases it lives in belong to. */
  readonly tier?: Tier | undefined;
  /** The field that tells the tenants of a shared collection apart. */
  readonly tenantField?: string | undefined;
  /** Properties to search by: each gets an index, unless it has one of its own. */
  readonly indexed?: readonly string[] | undefined;
  /** Properties that hold bytes as base64 strings. */
  readonly base64?: Readonly<Record<string, Base64Options>> | undefined;
  /** Properties that must be present: neither missing, null nor empty. */
  readonly required?: readonly string[] | undefined;
  /** A zod schema that every version is checked against before it is written. It checks, and changes nothing. */
  readonly validation?: z.core.$ZodType | undefined;
  /** The value that marks documents of this class among those of the entity it extends. */
  readonly discriminatorValue?: string | undefined;
  /** Options of the Mongoose schema. */
  readonly schemaOptions?: SchemaOptions | undefined;
  /** Options of the plugin. Versions are numbered across the collection unless `collectionVersion` is false. */
  readonly versioning?: EntityVersioning | undefined;
}

/** What else can be said of versions; the other options of the plugin are options of the entity itself. */
export interface EntityVersioning
  extends Omit<ChronosPluginOptions, 'visible' | 'required' | 'versioning' | 'indexed' | 'base64'> {
  /**
   * Whether superseded versions are kept.
   * @default true, or what the configuration says
   */
  readonly enabled?: boolean | undefined;
}

const base64 = strict({
  contentType: z.string().min(1),
  preferredText: z.boolean().optional(),
  textCharset: z.string().min(1).optional(),
}) satisfies z.ZodType<Base64Options>;

const {
  visible: _shown,
  required: _required,
  versioning: _kept,
  indexed: _indexed,
  base64: _blobs,
  ...ofVersions
} = pluginOptions.shape;

/** Checked, and left without the plugin's own defaults: those of entities are others. */
const entityVersioning = strict({ enabled: z.boolean().optional(), ...ofVersions });

const versioning = z.custom<EntityVersioning>().superRefine((value, context) => {
  const { error } = entityVersioning.safeParse(value);
  for (const { path, message } of error?.issues ?? []) context.addIssue({ code: 'custom', path, message });
});

const schema = strict({
  name: z.string().min(1).optional(),
  collection: z.string().min(1).optional(),
  databaseType: z.enum(['metadata', 'knowledge', 'runtime', 'logs']).optional(),
  tier: z.enum(['generic', 'domain', 'tenant']).optional(),
  tenantField: z.string().min(1).optional(),
  indexed: z.array(z.string().min(1)).optional(),
  base64: z.record(z.string().min(1), base64).optional(),
  required: z.array(z.string().min(1)).optional(),
  validation: z
    .custom<z.core.$ZodType>((value) => value instanceof z.core.$ZodType, 'must be a schema of zod 4')
    .optional(),
  discriminatorValue: z.string().min(1).optional(),
  schemaOptions: z.custom<SchemaOptions>((value) => value instanceof Object, 'must be an object').optional(),
  versioning: versioning.optional(),
}) satisfies z.ZodType<EntityOptions>;

/** @throws EntityDefinitionError naming each option that is unknown or wrong */
export function checkEntityOptions(entity: string, options: EntityOptions): EntityOptions {
  const parsed = schema.safeParse(options);
  if (parsed.success) return Object.freeze(parsed.data);
  throw new EntityDefinitionError(
    entity,
    undefined,
    `${problemsOf(parsed.error)}. See EntityOptions for what there is`,
  );
}

/** @throws EntityDefinitionError naming each option that is unknown or wrong */
export function checkBase64Options(entity: string, property: string, options: Base64Options): Base64Options {
  const parsed = base64.safeParse(options);
  if (parsed.success) return Object.freeze(parsed.data);
  throw new EntityDefinitionError(entity, property, `${problemsOf(parsed.error)}. See Base64Options for what there is`);
}

function problemsOf({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`)).join('; ');
}
