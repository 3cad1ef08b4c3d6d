import { RouteMismatchError } from '../../errors.ts';

/** What a tenant asks for that reaches, or might reach, beyond its own documents. */
export function refusal(tenantId: string, what: string, cure: string): RouteMismatchError {
  return new RouteMismatchError({
    message: `Cannot ${what} in the data of tenant ${tenantId}: it shares its collections with others. ${cure}`,
  });
}
