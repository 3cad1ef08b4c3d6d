import { PayloadIntegrityError, PayloadMissingError, StorageError } from '../../errors.ts';
import { BrokenCircuitError } from './attempts.ts';
import { StalledBody } from './timed-body.ts';

/** What a request was about. */
export interface S3Request {
  readonly store: string;
  readonly key?: string | undefined;
}

/** Errors of requests that arrived damaged or out of time: the next one may arrive whole. */
const RETRYABLE_NAMES = new Set([
  'BadDigest',
  'ConditionalRequestConflict',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
  'IncompleteBody',
  'RequestTimeout',
  'RequestTimeTooSkewed',
]);

const NOT_IMPLEMENTED = 501;

/** Whether the same request may succeed when it is made again: a body may have been damaged on its way. */
export function isRetryable(error: Error): boolean {
  return error instanceof PayloadIntegrityError || isOutage(error);
}

/** Whether it is the service that fails, rather than what was asked of it or is kept there. */
export function isOutage(error: Error): boolean {
  if (error instanceof BrokenCircuitError || error instanceof PayloadIntegrityError) return false;
  if (error instanceof StalledBody) return true;
  if (RETRYABLE_NAMES.has(error.name)) return true;
  const status = statusOf(error);
  // An error beside a status of success is an answer that could not be read.
  if (status !== undefined)
    return status < 300 || (status >= 500 && status !== NOT_IMPLEMENTED) || status === 408 || status === 429;
  // No answer came: refused, reset, timed out. What is wrong here already has no code.
  return 'code' in error || error.name === 'TimeoutError' || error.name === 'AbortError';
}

export function statusOf(error: unknown): number | undefined {
  const metadata = (error as { readonly $metadata?: { readonly httpStatusCode?: number } } | null)?.$metadata;
  return metadata?.httpStatusCode;
}

function isNotFound(error: unknown): boolean {
  return statusOf(error) === 404 && (error as Error).name !== 'NoSuchBucket';
}

/** What is not there needs no deleting. */
export function unlessNotFound(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
}

/** An error of the SDK as one of ours: without what it holds of addresses, headers and credentials. */
export function translated({ store, key }: S3Request, error: Error): Error {
  if (!isFromStorage(error)) return error;
  const status = statusOf(error);
  const cause = new Error(codeOf(error));
  if (key !== undefined && isNotFound(error)) return new PayloadMissingError(store, key, cause);
  const what = key === undefined ? `the ${store}` : `${key} in the ${store}`;
  const message = `Cannot use ${what}: ${problemOf(error, status)}`;
  return new StorageError({ message, store, key, status, retryable: isTransient(error), cause });
}

/** Errors of the caller, such as those of the body that is put, are the caller's. */
function isFromStorage(error: Error): boolean {
  return isTransient(error) || '$metadata' in error || '$fault' in error;
}

function isTransient(error: Error): boolean {
  return error instanceof BrokenCircuitError || isOutage(error);
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

function problemOf(error: Error, status: number | undefined): string {
  if (error instanceof BrokenCircuitError) return 'it has failed too often of late, and is asked again in a moment';
  if (error instanceof StalledBody) return error.message;
  if (status === 401 || status === 403)
    return `access is denied (${codeOf(error)}). Check the keys and what they permit`;
  if (error.name === 'NoSuchBucket') return 'there is no such bucket. Create it, or let ensureBucketsExist do it';
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'no answer came in time';
  return status === undefined ? `no answer (${codeOf(error)})` : `${codeOf(error)} (${status})`;
}
