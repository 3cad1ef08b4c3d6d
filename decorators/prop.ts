import type { SchemaTypeOptions } from 'mongoose';
import { recordField } from './recording.ts';

/**
 * What Mongoose's schemas can say of a path. The type follows from the property where TypeScript emits it; else, and
 * always for arrays and unions, it is named. Classes with decorated properties are types, too, and a function that
 * returns a type puts off the question until all classes are there.
 */
export type PropOptions = Omit<SchemaTypeOptions<unknown>, never> & {
  readonly type?: unknown;
};

/** A decorator of properties, for legacy and for standard decorators. */
export interface PropertyDecorator {
  (target: object, key: string | symbol): void;
  <This, Value>(target: undefined, context: ClassFieldDecoratorContext<This, Value>): void;
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
  return (target: unknown, at: unknown) => recordField(target, at, options);
}
