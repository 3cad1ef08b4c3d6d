import { ChronosModel } from './chronos-model.ts';
import { type AnyClass, type ClassDeclarations, declarationsOf } from './metadata.ts';

/** A class and those it extends, the first one first; up to where the library's or JavaScript's own begin. */
export function classChain(target: AnyClass): AnyClass[] {
  const chain: AnyClass[] = [];
  let current: unknown = target;
  while (typeof current === 'function' && current !== ChronosModel && current !== Function.prototype) {
    chain.unshift(current as AnyClass);
    current = Object.getPrototypeOf(current);
  }
  return chain;
}

/** The nearest class a class extends that is an entity of its own: its documents live in that one's collection. */
export function baseEntity(target: AnyClass): AnyClass | undefined {
  return classChain(target)
    .slice(0, -1)
    .findLast((ancestor) => declarationsOf(ancestor)?.entity !== undefined);
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

/** Whether a class has decorated properties, its own or inherited. */
export function hasFields(target: AnyClass): boolean {
  return declarationsIn(classChain(target)).some(({ fields }) => fields.size > 0);
}
