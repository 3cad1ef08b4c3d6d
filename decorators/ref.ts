import type { EntityClass } from '../src/entity/entity-type.ts';
import type { PropOptions } from './prop.ts';
import { type PropertyDecorator, recordField } from './recording.ts';

/**
 * Makes a property hold the id of a document of another entity, or a list of them, to be populated. The function puts
 * off the question until all classes are there, so that entities may refer to each other.
 *
 * @example
 * @Ref(() => Team) team!: Types.ObjectId;
 * @Ref(() => [Team]) teams!: Types.ObjectId[];
 */
export function Ref(
  reference: () => EntityClass | readonly [EntityClass],
  options: Omit<PropOptions, 'type' | 'ref'> = {},
): PropertyDecorator {
  return (target: unknown, at: unknown) => recordField(target, at, { ...options, reference });
}
