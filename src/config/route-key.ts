import type { HashContext } from './chronos-config.ts';

/** What of a route can be hashed. */
const PARTS = ['tenantId', 'dbName', 'collection', 'objectId', 'key', 'databaseType', 'tier', 'extIdentifier'] as const;

export const DEFAULT_ROUTE_KEY = 'tenantId|dbName|collection:objectId';

/** What is wrong with a rule for what is hashed; undefined where nothing is. */
export function problemOfRouteKey(rule: string): string | undefined {
  const unknown = rule.split(/[|:]/).filter((part) => !(PARTS as readonly string[]).includes(part));
  if (unknown.length === 0) return undefined;
  return `has the unknown part ${unknown.map((part) => JSON.stringify(part)).join(', ')}; there are ${PARTS.join(', ')}`;
}

/** What is hashed for a route: the first alternative of which something is there; undefined where nothing is. */
export function routeKey(rule: string, context: HashContext): string | undefined {
  for (const alternative of rule.split('|')) {
    const values = alternative.split(':').map((part) => context[part as (typeof PARTS)[number]]);
    const present = values.filter((value) => value !== undefined && value !== '');
    if (present.length > 0) return present.join(':');
  }
  return undefined;
}
