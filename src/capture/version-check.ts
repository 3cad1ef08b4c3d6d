import type { Mongoose } from 'mongoose';
import type { ChronosOptions } from '../config/options.ts';
import { missingPaths } from '../system/missing-paths.ts';
import { requiredProblem, validationError } from '../system/validation-error.ts';
import type { RawDocument } from '../types.ts';

/**
 * The check that every version of a model has to pass: what is required is there, and the app's own check lets it pass.
 * Undefined where there is nothing to check.
 */
export function versionCheck(
  mongoose: Mongoose,
  modelName: string,
  { required = [], validate }: Pick<ChronosOptions, 'required' | 'validate'>,
): ((document: RawDocument) => void) | undefined {
  if (required.length === 0) return validate;
  return (document) => {
    const missing = missingPaths(document, required);
    if (missing.length > 0) throw validationError(mongoose, modelName, missing.map(requiredProblem));
    validate?.(document);
  };
}
