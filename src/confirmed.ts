import { ConfigError } from './errors.ts';

/** What takes something away is asked for by somebody who means it. */
export interface Confirmation {
  /** Has to be true, unless it is a dry run. */
  readonly confirm?: boolean | undefined;
  /**
   * Only tell what would be done.
   * @default false
   */
  readonly dryRun?: boolean | undefined;
}

/**
 * Lets through what is confirmed, and what only looks.
 *
 * @param what is to be done, such as `sweep the objects of users`
 * @throws ConfigError
 */
export function requireConfirmed(what: string, { confirm, dryRun }: Confirmation): void {
  if (confirm === true || dryRun === true) return;
  throw new ConfigError({
    message: `Cannot ${what} unless it is confirmed. Pass { confirm: true }, or { dryRun: true } to see what would be done`,
  });
}
