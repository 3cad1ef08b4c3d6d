import { ConfigError } from '../errors.ts';
import type { ChronosConfig, EnhancedChronosConfig } from './chronos-config.ts';
import { configSchema, type ShapedConfig } from './config-schema.ts';
import { batchWindowOf } from './options.ts';
import { resolveDatabases } from './resolve-databases.ts';
import type { ObjectStorage, ResolvedConfig } from './resolved-config.ts';
import { DEFAULT_ROUTE_KEY, routeKey } from './route-key.ts';

/** Tells what is wrong, and where. */
export type Report = (path: string, problem: string) => void;

/** A further look at a configuration whose shape is right. */
export type Check = (config: ShapedConfig, report: Report) => void;

/**
 * Brings a configuration of either generation to the one form the library works with.
 *
 * @throws ConfigError that lists every problem with its path; never with a value, which might be a secret
 */
export function resolveConfig(config: ChronosConfig | EnhancedChronosConfig, check: Check = () => {}): ResolvedConfig {
  const problems: string[] = [];
  const report: Report = (path, problem) => problems.push(path === '' ? problem : `${path}: ${problem}`);
  const parsed = configSchema.safeParse(config);
  if (!parsed.success) {
    for (const { path, message } of parsed.error.issues) report(path.join('.'), message);
    throw refusal(problems);
  }
  const resolved = resolve(parsed.data, report);
  check(parsed.data, report);
  if (problems.length > 0) throw refusal(problems);
  return resolved;
}

function refusal(problems: readonly string[]): ConfigError {
  return new ConfigError({ message: `Cannot use this configuration:\n- ${problems.join('\n- ')}` });
}

function resolve(config: ShapedConfig, report: Report): ResolvedConfig {
  const spaces = resolveSpaces(config, report);
  const chooseKey = config.routing?.chooseKey ?? DEFAULT_ROUTE_KEY;
  const { ver = {}, counters = {} } = config.retention ?? {};
  return Object.freeze({
    ...resolveDatabases(config, new Set(spaces.map(({ key }) => key)), report),
    routing: {
      hashAlgo: config.routing?.hashAlgo ?? 'rendezvous',
      chooseKey: typeof chooseKey === 'function' ? chooseKey : (context) => routeKey(chooseKey, context),
    },
    transactions: transactionsOf(config),
    tenants: { cacheSize: config.tenants?.cacheSize ?? 1000 },
    resolveTenant: config.resolveTenant,
    mongoose: config.mongoose,
    entities: config.entities ?? [],
    spaces,
    localStorage: localStorageOf(config, report),
    counterRules: counterRulesOf(config, report),
    retention: { versions: ver, counters },
    rollup: {
      enabled: config.rollup?.enabled ?? false,
      manifestPeriod: config.rollup?.manifestPeriod ?? 'monthly',
    },
    collectionMaps: collectionMapsOf(config, report),
    devShadow: devShadowOf(config),
    allowShadowSkip: config.writeOptimization?.allowShadowSkip ?? false,
    logicalDelete: config.logicalDelete?.enabled ?? true,
    versioning: config.versioning?.enabled ?? true,
    hardDelete: config.hardDeleteEnabled ?? false,
    fallback: fallbackOf(config, report),
    acknowledge: config.writeOptimization?.ack ?? 'committed',
    debounceCountersMs: config.writeOptimization?.debounceCountersMs ?? 1_000,
    batchWindowMs: batchWindowOf(config.writeOptimization),
  } satisfies ResolvedConfig);
}

function devShadowOf({ devShadow }: ShapedConfig): ResolvedConfig['devShadow'] {
  if (devShadow?.enabled !== true) return undefined;
  const { ttlHours, maxBytesPerDoc } = devShadow;
  return { ttlHours, maxBytesPerDoc };
}

/** Without transactions only where the configuration says so. */
function transactionsOf({ transactions }: ShapedConfig): ResolvedConfig['transactions'] {
  if (transactions?.enabled === false) return 'off';
  return transactions?.autoDetect === true ? 'detected' : 'required';
}

/** The flat names of the first generation have no bucket for versions: theirs is the one for backups. */
function resolveSpaces({ spacesConns = [] }: ShapedConfig, report: Report): ObjectStorage[] {
  const keys = new Set<string>();
  return spacesConns.map((spaces, index) => {
    const path = `spacesConns.${index}`;
    const { key = `spaces-${index}`, buckets, jsonBucket, contentBucket, backupsBucket, ...rest } = spaces;
    if (keys.has(key)) report(`${path}.key`, `${JSON.stringify(key)} is there twice. Give each a key of its own`);
    keys.add(key);
    const flat = [jsonBucket, contentBucket, backupsBucket];
    if (buckets !== undefined && flat.some((bucket) => bucket !== undefined)) {
      report(path, 'has both buckets and the flat names of buckets. Keep buckets');
    }
    if (buckets === undefined && flat.some((bucket) => bucket === undefined)) {
      report(path, 'names no buckets. Give buckets: { json, content, versions }');
    }
    const named = buckets ?? { json: jsonBucket ?? '', content: contentBucket ?? '', versions: backupsBucket ?? '' };
    return {
      ...rest,
      key,
      buckets: { ...named, backup: buckets?.backup ?? backupsBucket ?? named.json },
      forcePathStyle: spaces.forcePathStyle ?? false,
    };
  });
}

function localStorageOf({ localStorage, spacesConns }: ShapedConfig, report: Report): string | undefined {
  if (localStorage?.enabled !== true) return undefined;
  if (spacesConns !== undefined) {
    report(
      'localStorage',
      'is enabled beside spacesConns, and there can be only one storage. Disable it, or remove those',
    );
  }
  return localStorage.basePath;
}

function counterRulesOf({ counterRules, counters }: ShapedConfig, report: Report): ResolvedConfig['counterRules'] {
  const { rules = [] } = counterRules ?? {};
  const names = new Set<string>();
  for (const [index, { name, mode, on, scope }] of rules.entries()) {
    const path = `counterRules.rules.${index}`;
    if (names.has(name)) report(`${path}.name`, `${JSON.stringify(name)} is there twice`);
    names.add(name);
    if (mode !== 'gauge') continue;
    if (on !== undefined) report(`${path}.on`, 'is for events, and a gauge counts documents. Leave it out');
    if (scope === 'payload') report(`${path}.scope`, 'is not for gauges, which are counted in MongoDB alone');
  }
  if (rules.length > 0 && counters === undefined) {
    report('counterRules.rules', 'needs a database to count in. Give counters: { mongoUri, dbName }');
  }
  return rules;
}

function collectionMapsOf({ collectionMaps = {} }: ShapedConfig, report: Report): ResolvedConfig['collectionMaps'] {
  for (const [collection, { indexedProps, validation }] of Object.entries(collectionMaps)) {
    const stray = (validation?.requiredIndexed ?? []).filter(
      (property) => indexedProps.length > 0 && !indexedProps.includes(property),
    );
    if (stray.length > 0) {
      report(
        `collectionMaps.${collection}.validation.requiredIndexed`,
        `${stray.map((property) => JSON.stringify(property)).join(', ')} is not among indexedProps. Add it there`,
      );
    }
  }
  return new Map(Object.entries(collectionMaps));
}

/** The two spellings of attempts and delays mean the same; where both are given, they must say the same. */
function fallbackOf({ fallback }: ShapedConfig, report: Report): ResolvedConfig['fallback'] {
  if (fallback?.enabled !== true) return undefined;
  const { maxAttempts, maxRetries, baseDelayMs, retryDelayMs } = fallback;
  const attempts = maxRetries === undefined ? maxAttempts : maxRetries + 1;
  if (maxAttempts !== undefined && attempts !== maxAttempts) {
    report('fallback', 'maxAttempts is not maxRetries + 1. Give one of them');
  }
  if (baseDelayMs !== undefined && retryDelayMs !== undefined && baseDelayMs !== retryDelayMs) {
    report('fallback', 'baseDelayMs and retryDelayMs differ. Give one of them');
  }
  return {
    maxAttempts: attempts ?? 10,
    baseDelayMs: baseDelayMs ?? retryDelayMs ?? 2_000,
    maxDelayMs: fallback.maxDelayMs ?? 60_000,
    deadLetterCollection: fallback.deadLetterCollection ?? 'chronos_fallback_dead',
  };
}
