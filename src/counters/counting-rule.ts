import type { CounterRuleConfig } from '../config/chronos-config.ts';
import { ConfigError } from '../errors.ts';
import { withoutPositions } from '../offload/offload-pipeline.ts';
import { filterPaths } from '../payload/covered-by.ts';
import { isWithin } from '../payload/payload-map.ts';
import type { RawDocument } from '../types.ts';

/** What a version is counted as. An enrichment and a restored version are updates, and so is what comes back by one. */
export const EVENTS = ['created', 'updated', 'deleted'] as const;
export type CountedEvent = (typeof EVENTS)[number];

const EVENT_OF = { CREATE: 'created', UPDATE: 'updated', DELETE: 'deleted' } as const;

/** A condition by which versions, or current documents, are counted. */
export interface CountingRule {
  readonly name: string;
  /** Whether it counts versions that were made, or documents as they are now. */
  readonly mode: 'events' | 'gauge';
  readonly events: readonly CountedEvent[];
  /** Whether it looks into what is in object storage. */
  readonly scope: 'meta' | 'payload';
  readonly when: RawDocument;
  /** What it looks at. */
  readonly paths: readonly string[];
}

/**
 * A rule of the configuration, ready to count by.
 *
 * @param when its condition, as a copy that nobody changes
 * @throws ConfigError for one that looks at what is no content
 */
export function countingRule(
  { name, mode = 'events', on = ['CREATE', 'UPDATE', 'DELETE'], scope = 'meta' }: CounterRuleConfig,
  when: RawDocument,
): CountingRule {
  const paths = filterPaths(when).map(withoutPositions);
  const bookkeeping = paths.find((path) => isWithin(path, '_id') || isWithin(path, '_system'));
  if (bookkeeping !== undefined) throw refused(name, `${bookkeeping} is no content. Name other fields`);
  return { name, mode, events: [...new Set(on)].map((op) => EVENT_OF[op]), scope, when, paths };
}

/** @throws ConfigError */
export function refused(rule: string, why: string): ConfigError {
  return new ConfigError({ message: `Cannot count by rule ${JSON.stringify(rule)}: ${why}` });
}
