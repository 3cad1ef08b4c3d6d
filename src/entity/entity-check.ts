import type { Mongoose } from 'mongoose';
import { z } from 'zod';
import { EntityDefinitionError } from '../errors.ts';
import { missingPaths } from '../system/missing-paths.ts';
import { type PathProblem, requiredProblem, validationError } from '../system/validation-error.ts';
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
export function entityCheck(
  mongoose: Mongoose,
  entity: CheckedEntity,
  rulesFor: (document: Document) => readonly VersionRules[],
): (document: Document) => void {
  return (document) => {
    const problems = new Map<string, PathProblem>();
    for (const { required = [], validation } of rulesFor(document)) {
      for (const path of missingPaths(document, required)) problems.set(path, requiredProblem(path));
      for (const { path, message } of problemsOf(validation, document, entity)) {
        const { message: before, kind = 'version' } = problems.get(path) ?? {};
        problems.set(path, { path, kind, message: before === undefined ? message : `${before}; ${message}` });
      }
    }
    if (problems.size > 0) throw validationError(mongoose, entity.name, problems.values());
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
