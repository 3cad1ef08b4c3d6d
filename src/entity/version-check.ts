import type { Mongoose } from 'mongoose';
import type { EntityOptions } from './entity-options.ts';

type Document = Readonly<Record<string, unknown>>;

/** What versions of an entity are checked by. */
export type VersionRules = Pick<EntityOptions, 'required' | 'validation'>;

/**
 * Makes the check that every version of an entity passes before it is committed.
 *
 * @param rulesFor the rules that bind a document: those of the entity and, if it is of one that extends it, of that one
 * @returns a function that throws Mongoose's own ValidationError, which lists every path at fault
 */
export function versionCheck(
  mongoose: Mongoose,
  name: string,
  rulesFor: (document: Document) => readonly VersionRules[],
): (document: Document) => void {
  return (document) => {
    const problems = new Map<string, string>();
    for (const { required = [], validation } of rulesFor(document)) {
      for (const path of required) {
        if (isMissing(document, path)) problems.set(path, `Path \`${path}\` is required.`);
      }
      for (const { path, message } of issuesOf(validation, document)) {
        const before = problems.get(path);
        problems.set(path, before === undefined ? message : `${before}; ${message}`);
      }
    }
    if (problems.size > 0) throw validationError(mongoose, name, problems);
  };
}

function issuesOf(validation: VersionRules['validation'], document: Document): { path: string; message: string }[] {
  const { error } = validation?.safeParse(document) ?? {};
  return (error?.issues ?? []).map(({ path, message }) => ({ path: path.join('.') || '(document)', message }));
}

function validationError({ Error: errors }: Mongoose, name: string, problems: ReadonlyMap<string, string>): Error {
  const error = Object.assign(new errors.ValidationError(), { _message: `${name} validation failed` });
  for (const [path, message] of problems) {
    error.addError(path, new errors.ValidatorError({ path, message, type: 'version' }));
  }
  return error;
}

/** Whether there is nothing at a path: of what lists hold, in any of it. */
function isMissing(value: unknown, path: string): boolean {
  if (path === '') return value === undefined || value === null || value === '';
  if (Array.isArray(value)) return value.some((item) => isMissing(item, path));
  const [key = '', ...rest] = path.split('.');
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return true;
  return isMissing((value as Document)[key], rest.join('.'));
}
