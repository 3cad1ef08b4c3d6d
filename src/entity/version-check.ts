import type { Mongoose } from 'mongoose';
import { z } from 'zod';
import { EntityDefinitionError } from '../errors.ts';
import type { EntityOptions } from './entity-options.ts';

type Document = Readonly<Record<string, unknown>>;

/** What versions of an entity are checked by. */
export type VersionRules = Pick<EntityOptions, 'required' | 'validation'>;

/** An entity whose versions are checked. */
export interface CheckedEntity {
  readonly name: string;
  /** What documents hold besides: the Mongoose version key, the discriminator key, timestamps, the tenant. */
  readonly ownKeys: readonly string[];
}

/**
 * Makes the check that every version of an entity passes before it is committed.
 *
 * @param rulesFor the rules that bind a document: those of the entity and, if it is of one that extends it, of that one
 * @returns a function that throws Mongoose's own ValidationError, which lists every path at fault
 */
export function versionCheck(
  mongoose: Mongoose,
  entity: CheckedEntity,
  rulesFor: (document: Document) => readonly VersionRules[],
): (document: Document) => void {
  return (document) => {
    const problems = new Map<string, string>();
    for (const { required = [], validation } of rulesFor(document)) {
      for (const path of required) {
        if (isMissing(document, path)) problems.set(path, `Path \`${path}\` is required.`);
      }
      for (const { path, message } of problemsOf(validation, document, entity)) {
        const before = problems.get(path);
        problems.set(path, before === undefined ? message : `${before}; ${message}`);
      }
    }
    if (problems.size > 0) throw validationError(mongoose, entity.name, problems);
  };
}

interface Problem {
  readonly path: string;
  readonly message: string;
}

function problemsOf(
  validation: VersionRules['validation'],
  document: Document,
  { name, ownKeys }: CheckedEntity,
): Problem[] {
  try {
    if (validation === undefined) return [];
    return (z.safeParse(validation, document).error?.issues ?? []).flatMap((issue) => problemsIn(issue, ownKeys));
  } catch (error) {
    if (!(error instanceof z.core.$ZodAsyncError)) throw error;
    throw new EntityDefinitionError(
      name,
      undefined,
      'its validation is asynchronous, and versions are checked inside of transactions. Take refinements without promises',
    );
  }
}

/** A strict schema tells at once all that it does not know; what Mongoose puts there is no fault. */
function problemsIn(issue: z.core.$ZodIssue, ownKeys: readonly string[]): Problem[] {
  const at = (...path: PropertyKey[]) => path.map(String).join('.');
  if (issue.code !== 'unrecognized_keys') return [{ path: at(...issue.path) || '(document)', message: issue.message }];
  return issue.keys
    .filter((key) => key !== '_id' && (issue.path.length > 0 || !ownKeys.includes(key)))
    .map((key) => ({ path: at(...issue.path, key), message: 'Unrecognized key' }));
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
