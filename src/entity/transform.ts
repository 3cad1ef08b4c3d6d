import type { EntityClass, EntityInstance } from './entity-type.ts';
import { instanceOf } from './instances.ts';
import { exposedName, type TransformOptions, transformed } from './safe-transform.ts';

/**
 * An instance of an entity's class, with its methods and accessors, that is no document: detached, never saved. What
 * class-transformer's `@Expose`, `@Exclude`, `@Type` and `@Transform` say is done; nested and populated objects are
 * instances of their classes without a `@Type`.
 *
 * @param source a document, current or of the past, or what a `lean` query gives
 *
 * @throws ConfigError if class-transformer is not installed
 */
export function toInstance<E extends EntityClass>(
  entity: E,
  source: readonly object[],
  options?: TransformOptions,
): EntityInstance<E>[];
export function toInstance<E extends EntityClass>(
  entity: E,
  source: object,
  options?: TransformOptions,
): EntityInstance<E>;
export function toInstance(entity: EntityClass, source: object, options: TransformOptions = {}): unknown {
  if (Array.isArray(source)) return source.map((each: object) => toInstance(entity, each, options));
  return transformed('toInstance', instanceOf(entity, source, exposedName), options);
}

/**
 * A plain object, to be sent to clients, of what class-transformer's decorators expose. ObjectIds, dates, bytes, maps and
 * BSON's other types stay what they are, unless `@Type` or `@Transform` says otherwise. JSON has no maps: where one is to
 * be sent, `@Transform(({ value }) => Object.fromEntries(value), { toPlainOnly: true })`.
 *
 * @example
 * response.json(toPlain(User, await Users.find().lean(), { groups: ['public'] }));
 *
 * @throws ConfigError if class-transformer is not installed
 */
export function toPlain(
  entity: EntityClass,
  source: readonly object[],
  options?: TransformOptions,
): Record<string, unknown>[];
export function toPlain(entity: EntityClass, source: object, options?: TransformOptions): Record<string, unknown>;
export function toPlain(entity: EntityClass, source: object, options: TransformOptions = {}): unknown {
  if (Array.isArray(source)) return source.map((each: object) => toPlain(entity, each, options));
  return transformed(
    'toPlain',
    instanceOf(entity, source, (_type, property) => property),
    options,
  );
}
