import type { CaptureTarget, DriverCollection } from './capture-target.ts';
import { CapturedReads } from './captured-reads.ts';
import { CapturedWrites } from './captured-writes.ts';

/**
 * The driver's collection, but for the methods that write, which hand what they are asked to do to the committer, and
 * the methods that read, which leave `_system` out. Every write of Mongoose ends in one of these methods, after
 * casting, timestamps and middleware; so there is no other place where versions are made.
 */
export function versionedCollection(collection: DriverCollection, target: CaptureTarget): DriverCollection {
  return Object.create(collection, {
    ...propertiesOf(new CapturedWrites(target)),
    ...propertiesOf(new CapturedReads(target)),
  }) as DriverCollection;
}

/** Writable, as methods are: what somebody puts in their place is to be called. */
function propertiesOf(methods: object): PropertyDescriptorMap {
  return Object.fromEntries(
    Object.entries(methods).map(([name, value]) => [name, { value, writable: true, configurable: true }]),
  );
}
