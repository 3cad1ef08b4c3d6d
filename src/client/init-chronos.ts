import defaultMongoose from 'mongoose';
import type { ChronosConfig, EnhancedChronosConfig } from '../config/chronos-config.ts';
import { resolveConfig } from '../config/resolve-config.ts';
import { reportUnavailable } from '../config/unavailable-options.ts';
import { Registry } from '../tenancy/registry.ts';
import { Chronos } from './chronos.ts';
import { countingRules } from './counting-rules.ts';

/**
 * Opens a registry of databases, tenants and entities. Nothing is connected yet: each connection is opened when a model
 * on it is asked for.
 *
 * @example
 * const chronos = initChronos({
 *   mongoConns: [{ key: 'main', mongoUri: 'mongodb://localhost:27017' }],
 *   databases: { runtime: [{ key: 'tenants', mongoConnKey: 'main', dbName: 'app_{tenantId}', tenantIds: ['acme'] }] },
 *   entities: [User],
 * });
 * await User.forTenant('acme').create({ email: 'x@y.z' });
 *
 * @throws ConfigError that lists every problem of the configuration, each with its path
 */
export function initChronos(config: ChronosConfig | EnhancedChronosConfig): Chronos {
  const resolved = resolveConfig(config, reportUnavailable);
  const rules = countingRules(resolved.counterRules);
  return new Chronos(new Registry(resolved, resolved.mongoose ?? defaultMongoose, rules), resolved);
}
