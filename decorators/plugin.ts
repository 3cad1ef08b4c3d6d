import type { Schema } from 'mongoose';
import { type ClassDecorator, ofClass } from './recording.ts';

/** Applies another Mongoose plugin to the schema of a class. Whatever a schema can be told can be told it here. */
export function Plugin<Options>(plugin: (schema: Schema, options: Options) => void, options?: Options): ClassDecorator {
  return (target, context) =>
    void ofClass(target, context).steps.push((schema) => void schema.plugin(plugin as never, options as never));
}
