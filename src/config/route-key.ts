import type { HashContext } from './chronos-config.ts';

/** What of a route can be hashed. */
const PARTS = ['tenantId', 'dbName', 'collection', 'objectId', 'key', 'databaseType', 'tier', 'extIdentifier'] as const;

/** What has no tenant is spread by collection: the name of its database is the same on all connections. */
export const DEFAULT_ROUTE_KEY = 'tenantId|collection';

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
