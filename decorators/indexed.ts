import type { IndexDefinition, IndexOptions } from 'mongoose';
import { type ClassDecorator, ofClass, type PropertyDecorator, recordField } from './recording.ts';

/** Makes a property one to search by: it gets an index, unless it has one of its own. Implies `@Prop()`. */
export function Indexed(): PropertyDecorator {
  return (target: unknown, at: unknown) => recordField(target, at, { indexed: true });
}

/**
 * Gives the collection an index, over any number of properties.
 *
 * @example
 * @Index({ team: 1, name: 1 }, { unique: true })
 */
export function Index(keys: IndexDefinition, options: IndexOptions = {}): ClassDecorator {
  return (target, context) => void ofClass(target, context).indexes.unshift({ keys, options });
}
