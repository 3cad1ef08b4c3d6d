import type { Schema } from 'mongoose';
import { type MethodDecorator, methodAt, ofMember } from './recording.ts';

/** What Mongoose has hooks for. */
export type HookName =
  | 'init'
  | 'validate'
  | 'save'
  | 'updateOne'
  | 'updateMany'
  | 'replaceOne'
  | 'deleteOne'
  | 'deleteMany'
  | 'find'
  | 'findOne'
  | 'findOneAndUpdate'
  | 'findOneAndReplace'
  | 'findOneAndDelete'
  | 'distinct'
  | 'countDocuments'
  | 'estimatedDocumentCount'
  | 'aggregate'
  | 'insertMany'
  | 'bulkWrite'
  | 'createCollection';

/** For hooks that Mongoose has for both, documents and queries: which of them. */
export interface HookOptions {
  readonly document?: boolean;
  readonly query?: boolean;
}

type AnyHook = (name: HookName | RegExp, options: HookOptions, run: (...args: never[]) => unknown) => unknown;

/**
 * Makes a method run before an operation: one of the class before those of its documents, a static one before queries,
 * aggregates and calls of the model, with those as `this`.
 *
 * @example
 * @Pre('save') protected normalize() { this.email = this.email.toLowerCase(); }
 * @Pre('find') static onlyActive(this: Query<unknown, User>) { this.where({ active: true }); }
 */
export function Pre(names: HookName | readonly HookName[] | RegExp, options: HookOptions = {}): MethodDecorator {
  return hook('pre', names, options);
}

/** Makes a method run after an operation, with its result. Else like {@link Pre}. */
export function Post(names: HookName | readonly HookName[] | RegExp, options: HookOptions = {}): MethodDecorator {
  return hook('post', names, options);
}

function hook(
  when: 'pre' | 'post',
  names: HookName | readonly HookName[] | RegExp,
  options: HookOptions,
): MethodDecorator {
  return (target: unknown, at: unknown) => {
    const run = methodAt(target, at);
    const install = (schema: Schema) => {
      const add = schema[when] as unknown as AnyHook;
      for (const name of [names].flat() as (HookName | RegExp)[]) add.call(schema, name, options, run);
    };
    ofMember(target, at).steps.push(install);
  };
}
