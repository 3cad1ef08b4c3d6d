import { ConfigError } from './errors.ts';

/** How sure a caller is of what takes something away, or makes something. */
export interface Confirmation {
  readonly confirm?: boolean | undefined;
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
