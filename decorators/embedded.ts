import type { SchemaOptions } from 'mongoose';
import { type ClassDecorator, ofClass } from './recording.ts';

/** Gives the schema of a nested class options. Without it a nested class has Mongoose's defaults. */
export function Embedded(options: SchemaOptions): ClassDecorator {
  return (target, context) => {
    ofClass(target, context).embedded = options;
  };
}
