/** Whether a file or directory is not there. */
export function isMissing(error: unknown): boolean {
  return hasCode(error, 'ENOENT');
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** What is not there is undefined. */
export function unlessMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}
