import type { Mongoose } from 'mongoose';

/** What is wrong at a path of a document. */
export interface PathProblem {
  readonly path: string;
  readonly message: string;
  readonly kind: 'required' | 'version';
}

export function requiredProblem(path: string): PathProblem {
  return { path, message: `Path \`${path}\` is required.`, kind: 'required' };
}

/** Mongoose's own ValidationError, which lists every path at fault. */
export function validationError({ Error: errors }: Mongoose, model: string, problems: Iterable<PathProblem>): Error {
  const error = Object.assign(new errors.ValidationError(), { _message: `${model} validation failed` });
  for (const { path, message, kind } of problems) {
    error.addError(path, new errors.ValidatorError({ path, message, type: kind }));
  }
  return error;
}
