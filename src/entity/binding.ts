import { ConfigError } from '../errors.ts';
import type { RouteContext } from '../types.ts';
import type { EntityClass, EntityModel } from './entity-type.ts';

/** Knows where data lives: gives the model of an entity at a place. */
export interface ModelSource {
  model<E extends EntityClass>(entity: E, route: RouteContext): EntityModel<E>;
}

const sources = new WeakMap<EntityClass, Set<ModelSource>>();

/** Makes a source the one that entities ask for their models, until it is unbound. */
export function bindEntities(entities: readonly EntityClass[], source: ModelSource): void {
  for (const entity of entities) {
    const bound = sources.get(entity) ?? new Set();
    sources.set(entity, bound.add(source));
  }
}

/** Takes back a binding. Entities that were not bound to the source stay as they are. */
export function unbind(entities: readonly EntityClass[], source: ModelSource): void {
  for (const entity of entities) sources.get(entity)?.delete(source);
}

/**
 * The one source that an entity is bound to.
 *
 * @throws ConfigError if there is none, or more than one
 */
export function sourceOf(entity: EntityClass): ModelSource {
  const [source, another] = sources.get(entity) ?? [];
  if (source === undefined) {
    throw new ConfigError({
      message: `Cannot tell where ${entity.name} lives: no open registry has it. Name it in initChronos({ ..., entities: [${entity.name}] }), or use entityModel(connection, ${entity.name})`,
    });
  }
  if (another !== undefined) {
    throw new ConfigError({
      message: `Cannot tell where ${entity.name} lives: more than one open registry has it. Ask the one you mean: chronos.model(${entity.name}, { ... }), or close the others`,
    });
  }
  return source;
}
