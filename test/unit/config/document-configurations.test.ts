import { describe, expect, it } from 'vitest';
import { resolveConfig } from '../../../src/config/resolve-config.ts';
import { ConfigError, initChronos } from '../../../src/index.ts';
import { DOCUMENT_CONFIGURATIONS, QUICK_START_AS_PRINTED } from '../../support/document-configurations.ts';
import { problemsOf } from '../../support/problems-of.ts';

const SAMPLES = Object.entries(DOCUMENT_CONFIGURATIONS);

it.each(SAMPLES)('%s has no mistake, and is refused only for what this version does not do', async (_, config) => {
  expect(() => resolveConfig(config)).not.toThrow();
  const problems = problemsOf(() => initChronos(config));
  for (const problem of problems) expect(problem).toMatch(/^\S.*: is not available in this version: /);
});

it('without what this version does not do, a sample of each generation opens a registry', async () => {
  const { mongoConns, databases, routing } = DOCUMENT_CONFIGURATIONS['tiered database architecture'] as never;
  await initChronos({ mongoConns, databases, routing, retention: {}, rollup: {} }).close();
  const { mongoUris, databaseTypes } = DOCUMENT_CONFIGURATIONS['complete multi-tenant example'] as never;
  await initChronos({ mongoUris, databaseTypes, transactions: { enabled: true, autoDetect: true } }).close();
  await initChronos({ mongoUris: ['mongodb://localhost:27017'] }).close();
});

it('the quick start as printed names object storage that is nowhere defined', () => {
  expect(problemsOf(() => resolveConfig(QUICK_START_AS_PRINTED))).toEqual([
    'databases.logs.connection.spacesConnKey: there is no "s3-logs"; there are "s3-prod"',
  ]);
});

describe('both generations come down to one form', () => {
  const placesOf = (name: string) =>
    resolveConfig(DOCUMENT_CONFIGURATIONS[name]!).databases.map(
      ({ key, databaseType, tier, extIdentifier, dbName, connections }) =>
        [key, databaseType, tier, extIdentifier, dbName, connections.join()].join(' '),
    );

  it('the second, where tenantId means tier tenant', () => {
    expect(placesOf('quick start')).toEqual([
      'meta-prod metadata tenant system chronos_metadata mongo-primary',
      'knowledge-prod knowledge tenant shared chronos_knowledge mongo-primary',
      'runtime-tenant-a runtime tenant tenant-a tenant_a_data mongo-primary',
      'runtime-tenant-b runtime tenant tenant-b tenant_b_data mongo-primary',
      'logs-prod logs   chronos_logs mongo-analytics',
    ]);
  });

  it('the first, where the list says the tier and each has its own server', () => {
    const places = placesOf('complete multi-tenant example');
    expect(places).toHaveLength(12);
    expect(places.slice(8)).toEqual([
      'runtime-generic runtime generic  runtime_generic runtime-generic:27017',
      'runtime-domain-1 runtime domain domain-1 runtime_domain_1 runtime-domain1:27017',
      'runtime-tenant-a runtime tenant tenant-a runtime_tenant_a runtime-tenant-a:27017',
      'runtime-tenant-b runtime tenant tenant-b runtime_tenant_b runtime-tenant-b:27017',
    ]);
  });

  it('a list of servers, which is one runtime database that is spread over them', () => {
    expect(placesOf('production configuration')).toEqual(['runtime runtime generic  chronos prod1:27017,prod2:27017']);
  });

  it('buckets by role, and flat names of buckets', () => {
    const bucketsOf = (name: string) => resolveConfig(DOCUMENT_CONFIGURATIONS[name]!).spaces[0]?.buckets;
    expect(bucketsOf('quick start')?.versions).toBe('chronos-versions-prod');
    expect(bucketsOf('production configuration')).toEqual({
      json: 'chronos-json',
      content: 'chronos-content',
      versions: 'chronos-backups',
      backup: 'chronos-backups',
    });
  });

  it('retries, and attempts, of which there is one more', () => {
    expect(resolveConfig(DOCUMENT_CONFIGURATIONS['production configuration']!).fallback).toEqual({
      maxAttempts: 4,
      baseDelayMs: 1000,
      maxDelayMs: 60000,
      deadLetterCollection: 'chronos_fallback_dead',
    });
    expect(resolveConfig(DOCUMENT_CONFIGURATIONS['fallback queues']!).fallback?.maxAttempts).toBe(10);
  });
});

it('what is asked for in vain is refused by name, and what changes nothing is not', () => {
  const config = { mongoUris: ['mongodb://localhost:27017'] };
  const asked = {
    ...config,
    transactions: { enabled: false },
    versioning: { enabled: false },
    logicalDelete: { enabled: false },
  };
  expect(() => initChronos(asked)).toThrow(ConfigError);
  expect(problemsOf(() => initChronos(asked)).map((problem) => problem.split(': is not')[0])).toEqual(
    expect.arrayContaining(['transactions.enabled: false']),
  );
  const idle = {
    ...config,
    localStorage: { enabled: false, basePath: './data' },
    retention: {},
    rollup: { enabled: false },
    collectionMaps: {},
    counterRules: { rules: [] },
    devShadow: { enabled: false, ttlHours: 1 },
    logicalDelete: { enabled: true },
    versioning: { enabled: true },
    hardDeleteEnabled: false,
    fallback: { enabled: false },
    writeOptimization: { ack: 'committed', batchS3: false },
    transactions: { enabled: true, autoDetect: false },
  } as const;
  expect(problemsOf(() => initChronos(idle))).toEqual([]);
});
