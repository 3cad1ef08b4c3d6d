import type { VirtualTypeOptions } from 'mongoose';
import type { EntityClass } from '../src/entity/entity-type.ts';
import { nameAt, ofMember } from './recording.ts';

/** What Mongoose's virtuals can say; `ref` is a function that returns an entity, or the name of a model. */
export interface VirtualOptions extends Omit<VirtualTypeOptions, 'ref'> {
  readonly ref?: string | (() => EntityClass) | undefined;
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
