import type { Base64Options } from '../src/entity/entity-options.ts';
import { checkBase64Options } from '../src/entity/entity-options.ts';
import { nameAt, type PropertyDecorator, recordField } from './recording.ts';

/**
 * Makes a property hold bytes, written as a base64 string. Implies `@Prop()`.
 *
 * @example
 * @Base64({ contentType: 'image/png' }) avatar?: string;
 */
export function Base64(options: Base64Options): PropertyDecorator {
  return (target: unknown, at: unknown) => {
    const checked = checkBase64Options(nameOf(target), nameAt(at), options);
    recordField(target, at, { base64: checked });
  };
}

function nameOf(target: unknown): string {
  return (target as object | undefined)?.constructor.name ?? 'an entity';
}
