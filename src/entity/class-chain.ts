import { ChronosModel } from './chronos-model.ts';
import { type AnyClass, type ClassDeclarations, declarationsOf, parentOf } from './metadata.ts';

/** A class and those it extends, the first one first; up to where the library's or JavaScript's own begin. */
export function classChain(target: AnyClass): AnyClass[] {
  const chain: AnyClass[] = [];
  for (let each: AnyClass | undefined = target; each !== undefined && each !== ChronosModel; each = parentOf(each)) {
    chain.unshift(each);
  }
  return chain;
}

/** The entity that a class extends, at the root: all that extend it live in its collection. */
export function baseEntity(target: AnyClass): AnyClass | undefined {
  return classChain(target)
    .slice(0, -1)
    .find((ancestor) => declarationsOf(ancestor)?.entity !== undefined);
}

/** The classes whose declarations make up the schema of a class: all it extends, but not what its base entity has. */
export function ownChain(target: AnyClass): AnyClass[] {
  const chain = classChain(target);
  const base = baseEntity(target);
  return base === undefined ? chain : chain.slice(chain.indexOf(base) + 1);
}

/** What the decorators of such classes have recorded, the first class first. */
export function declarationsIn(chain: readonly AnyClass[]): ClassDeclarations[] {
  return chain.map(declarationsOf).filter((own) => own !== undefined);
}

/** Whether a class can be a part of an entity: it has decorated properties, its own or inherited, or `@Embedded`. */
export function isPart(target: AnyClass): boolean {
  return declarationsIn(classChain(target)).some(({ fields, embedded }) => fields.size > 0 || embedded !== undefined);
}
