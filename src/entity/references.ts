import { classChain, declarationsIn } from './class-chain.ts';
import { type AnyClass, declarationsOf, type FieldDeclaration } from './metadata.ts';
import { classesOf, unwrapped } from './named-types.ts';

/** The entities that a class refers to, itself or in what is nested in it. Their models are needed to populate. */
export function referencesOf(target: AnyClass, seen = new Set<AnyClass>()): AnyClass[] {
  if (seen.has(target)) return [];
  seen.add(target);
  return declarationsIn(classChain(target)).flatMap(({ fields, virtuals }) => [
    ...[...virtuals.values()].flatMap(({ ref }) => referencedBy(ref)),
    ...[...fields.values()].flatMap((field) => fieldReferences(field, seen)),
  ]);
}

function fieldReferences(field: FieldDeclaration, seen: Set<AnyClass>): AnyClass[] {
  const direct = referencedBy(field.options.reference);
  return [...direct, ...classesOf(field).flatMap((nested) => referencesOf(nested, seen))];
}

/** The classes that a reference leads to. */
export function referencedBy(reference: unknown): AnyClass[] {
  return [unwrapped(reference)].flat().filter((each): each is AnyClass => typeof each === 'function');
}

/** The name of the models of an entity; undefined if the class is none. */
export function modelNameOf(target: AnyClass): string | undefined {
  const entity = declarationsOf(target)?.entity;
  return entity === undefined ? undefined : (entity.name ?? target.name);
}

/** What marks the documents of an entity among those of the one it extends. */
export function discriminatorValueOf(target: AnyClass): string {
  return declarationsOf(target)?.entity?.discriminatorValue ?? modelNameOf(target) ?? target.name;
}

/** What an entity declares its `_id` to be, if it does. */
export function declaredId(target: AnyClass): FieldDeclaration | undefined {
  return declarationsIn(classChain(target))
    .findLast(({ fields }) => fields.has('_id'))
    ?.fields.get('_id');
}
