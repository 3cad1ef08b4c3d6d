import { checkEntityOptions, type EntityOptions } from '../src/entity/entity-options.ts';
import type { EntityClass } from '../src/entity/entity-type.ts';
import { recordEntity } from '../src/entity/metadata.ts';
import { ofClass } from './recording.ts';

/**
 * Makes a class an entity: its decorated properties are the schema, its methods, statics and accessors are those of the
 * models. One that extends an entity is a part of its collection, told apart by the discriminator key.
 *
 * @example
 * @ChronosEntity({ collection: 'users', indexed: ['email'] })
 * class User extends ChronosModel {
 *   @Prop({ required: true }) email!: string;
 * }
 *
 * @throws EntityDefinitionError for an unknown or wrong option
 */
export function ChronosEntity(options: EntityOptions = {}) {
  return <E extends EntityClass>(target: E, context?: ClassDecoratorContext<E>): void => {
    recordEntity(target, ofClass(target, context), checkEntityOptions(target.name, options));
  };
}
