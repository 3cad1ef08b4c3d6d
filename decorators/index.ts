export { ChronosModel } from '../src/entity/chronos-model.ts';
export { schemaFor } from '../src/entity/definition.ts';
export { entityModel } from '../src/entity/entity-model.ts';
export type { Base64Options, EntityOptions } from '../src/entity/entity-options.ts';
export {
  type DeepPartial,
  Defaults,
  type EntityClass,
  type EntityContent,
  type EntityDocument,
  type EntityModel,
  type NewEntity,
} from '../src/entity/entity-type.ts';
export { ChronosEntity } from './chronos-entity.ts';
export { Prop, type PropertyDecorator, type PropOptions } from './prop.ts';
