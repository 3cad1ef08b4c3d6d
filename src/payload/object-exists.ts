import { StorageError } from '../errors.ts';

/** `Precondition Failed`: https://www.rfc-editor.org/rfc/rfc9110#name-412-precondition-failed */
const EXISTS = 412;

/** What a put that is to come first is answered where there is an object. */
export function existsAlready(store: string, key: string): StorageError {
  const message = `Cannot put ${key} into the ${store}: there is such an object, and it is not to be replaced`;
  return new StorageError({ message, store, key, status: EXISTS, retryable: false });
}

export function isExistsAlready(error: unknown): boolean {
  return error instanceof StorageError && error.status === EXISTS;
}
