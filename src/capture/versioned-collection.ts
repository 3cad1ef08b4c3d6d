import type { CaptureTarget, DriverCollection } from './capture-target.ts';
import { CapturedReads } from './captured-reads.ts';
import { CapturedWrites } from './captured-writes.ts';

const captured = Symbol('chronos captured');

interface Captured {
  readonly [captured]: { readonly writes: CapturedWrites; readonly reads: CapturedReads };
}

/**
 * The driver's collection, but for the methods that write, which hand what they are asked to do to the committer, and
 * the methods that read, which leave `_system` out. Every write of Mongoose ends in one of these methods, after
 * casting, timestamps and middleware; so there is no other place where versions are made.
 *
 * There may be one for each of many tenants, so they share their methods, and hold no more than the driver's own.
 */
export function versionedCollection(collection: DriverCollection, target: CaptureTarget): DriverCollection {
  const own = { writes: new CapturedWrites(target), reads: new CapturedReads(target) };
  const versioned = Object.create(prototypeOf(collection), { [captured]: { value: own } }) as DriverCollection;
  return Object.assign(versioned, collection);
}

/** One for each driver there is: Mongoose 8 and 9 have their own. */
const prototypes = new WeakMap<object, object>();

function prototypeOf(collection: DriverCollection): object {
  const native = Object.getPrototypeOf(collection) as object;
  let prototype = prototypes.get(native);
  if (prototype === undefined) {
    prototype = Object.create(native, { ...methodsOf(CapturedWrites, 'writes'), ...methodsOf(CapturedReads, 'reads') });
    prototypes.set(native, prototype as object);
  }
  return prototype as object;
}

type Method = (...args: unknown[]) => unknown;

/** Writable, as methods are: what somebody puts in their place is to be called. */
function methodsOf(of: { readonly prototype: object }, part: 'writes' | 'reads'): PropertyDescriptorMap {
  const names = Object.getOwnPropertyNames(of.prototype).filter((name) => name !== 'constructor');
  return Object.fromEntries(
    names.map((name) => [
      name,
      {
        value(this: Captured, ...args: unknown[]) {
          const methods = this[captured][part] as unknown as Record<string, Method>;
          return methods[name]?.(...args);
        },
        writable: true,
        configurable: true,
      },
    ]),
  );
}
