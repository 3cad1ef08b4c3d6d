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
  type EntityInstance,
  type EntityModel,
  type NewEntity,
  Virtuals,
} from '../src/entity/entity-type.ts';
export type { TransformOptions } from '../src/entity/safe-transform.ts';
export { toInstance, toPlain } from '../src/entity/transform.ts';
export { Base64 } from './base64.ts';
export { ChronosEntity } from './chronos-entity.ts';
export { Embedded } from './embedded.ts';
export { type HookName, type HookOptions, Post, Pre } from './hooks.ts';
export { Index, Indexed } from './indexed.ts';
export { Plugin } from './plugin.ts';
export { Prop, type PropOptions } from './prop.ts';
export type { ClassDecorator, MethodDecorator, PropertyDecorator } from './recording.ts';
export { Ref } from './ref.ts';
export { Virtual, type VirtualOptions } from './virtual.ts';
