import type { VirtualTypeOptions } from 'mongoose';
import type { EntityClass } from '../src/entity/entity-type.ts';
import type { KnownOptions } from './known-options.ts';
import { nameAt, ofMember } from './recording.ts';

/** What Mongoose's virtuals can say; `ref` is a function that returns an entity, or the name of a model. */
export interface VirtualOptions extends Omit<KnownOptions<VirtualTypeOptions>, 'ref'> {
  readonly ref?: string | (() => EntityClass) | undefined;
  /** The property that names the model to populate from, where it is not always the same. */
  readonly refPath?: string | undefined;
}

/**
 * Makes a property one that is populated from what refers to the document, and is not stored.
 *
 * @example
 * @Virtual({ ref: () => Post, localField: '_id', foreignField: 'author' }) readonly posts?: Post[];
 */
export function Virtual(options: VirtualOptions) {
  return (target: unknown, at: unknown): void => {
    ofMember(target, at).virtuals.set(nameAt(at), options as Record<string, unknown>);
  };
}
