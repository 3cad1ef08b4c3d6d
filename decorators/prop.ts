import type { PopulateOptions, SchemaTypeOptions } from 'mongoose';
import type { KnownOptions } from './known-options.ts';
import { type PropertyDecorator, recordField } from './recording.ts';

/**
 * What Mongoose's schemas can say of a path. The type follows from the property where TypeScript
 * emits it; else, and always for arrays and unions, it is named. Classes with decorated properties are types, too, and
 * a function that returns a type puts off the question until all classes are there.
 */
export interface PropOptions extends Omit<KnownOptions<SchemaTypeOptions<unknown>>, 'type' | 'discriminators'> {
  readonly type?: unknown;
  /** How the path is populated where a query does not say it. */
  readonly populate?: Omit<PopulateOptions, 'path'> | undefined;
  /** Whether a list takes a single value for a list of one. */
  readonly castNonArrays?: boolean | undefined;
  /** Classes by the value of the discriminator key, or a function that returns them. */
  readonly discriminators?: unknown;
}

/**
 * Makes a property a path of the schema.
 *
 * @example
 * @Prop({ required: true, trim: true }) name!: string;
 * @Prop({ type: [String] }) tags!: string[];
 * @Prop({ type: () => [Address] }) addresses!: Address[];
 */
export function Prop(options: PropOptions = {}): PropertyDecorator {
  return (target: unknown, at: unknown) => recordField(target, at, options as Record<string, unknown>);
}
