import type { Mongoose } from 'mongoose';
import type { ChronosPluginOptions } from '../config/options.ts';
import { EntityDefinitionError } from '../errors.ts';
import { classChain } from './class-chain.ts';
import { entityCheck } from './entity-check.ts';
import type { EntityOptions } from './entity-options.ts';
import { discriminatorKeyOf, kindOf } from './kinds.ts';
import { type AnyClass, declarationsOf, extensionsOf } from './metadata.ts';

type Check = ChronosPluginOptions['validate'];

/** Base entities that were put to use when there was nothing to check. */
const unchecked = new WeakSet<AnyClass>();

/**
 * The check of every version of an entity and of those that extend it, after the app's own; undefined where neither is.
 */
export function ruleCheck(mongoose: Mongoose, target: AnyClass, own: Check): Check {
  if (![target, ...extensionsOf(target)].some(hasRules)) {
    unchecked.add(target);
    return own;
  }
  const check = entityCheck(mongoose, { name: target.name, ownKeys: ownKeysOf(target) }, (document) => {
    return classChain(kindOf(target, document)).map(optionsOf);
  });
  return (document) => {
    own?.(document);
    check(document);
  };
}

function ownKeysOf(target: AnyClass): string[] {
  const { schemaOptions = {}, tenantField } = optionsOf(target);
  const { versionKey = '__v', timestamps = false } = schemaOptions;
  const named = typeof timestamps === 'object' ? timestamps : { createdAt: timestamps, updatedAt: timestamps };
  const stamps = (['createdAt', 'updatedAt'] as const).map((stamp) =>
    (named[stamp] ?? true) === true ? stamp : named[stamp],
  );
  return [versionKey, discriminatorKeyOf(target), tenantField, ...stamps].filter((key) => typeof key === 'string');
}

/** Rules of an entity bind only if they are there when the one that it extends is put to use. */
export function refuseLateRules(target: AnyClass, base: AnyClass | undefined): void {
  if (base === undefined || !unchecked.has(base) || !hasRules(target)) return;
  throw new EntityDefinitionError(
    target.name,
    undefined,
    `its rules come too late: ${base.name}, which it extends, is in use already. Load ${target.name} before`,
  );
}

function hasRules(entity: AnyClass): boolean {
  const { required = [], validation } = optionsOf(entity);
  return required.length > 0 || validation !== undefined;
}

function optionsOf(entity: AnyClass): EntityOptions {
  return declarationsOf(entity)?.entity ?? {};
}
