import { isDeepStrictEqual } from 'node:util';
import type { CollectionMapConfig } from '../config/chronos-config.ts';
import { pathOf } from '../entity/collection-entity.ts';
import type { EntityDefinition } from '../entity/definition.ts';
import { ConfigError } from '../errors.ts';

/**
 * What `collectionMaps` says of an entity's collection must be what the entity says itself, which has the word.
 *
 * @throws ConfigError naming what differs
 */
export function requireAgreement(collection: string, map: CollectionMapConfig, entity: EntityDefinition): void {
  const { indexedProps, base64Props = {}, validation } = map;
  const indexed = indexedProps.map(pathOf);
  const differing = [
    ...(sameSet(indexed, entity.indexed) ? [] : ['indexedProps and the indexed of the entity']),
    ...(isDeepStrictEqual(plain(base64Props), plain(entity.base64))
      ? []
      : ['base64Props and the base64 of the entity']),
    ...(sameSet((validation?.requiredIndexed ?? []).map(pathOf), entity.required)
      ? []
      : ['validation.requiredIndexed and the required of the entity']),
  ];
  if (differing.length === 0) return;
  throw new ConfigError({
    message: `Cannot use collectionMaps.${collection} for ${entity.name}: ${differing.join('; ')} differ. Say it in @ChronosEntity({ indexed, base64, required }) alone, and leave the map out`,
  });
}

function sameSet(one: readonly string[], another: readonly string[]): boolean {
  return isDeepStrictEqual(new Set(one), new Set(another));
}

function plain(value: object): unknown {
  return JSON.parse(JSON.stringify(value));
}
