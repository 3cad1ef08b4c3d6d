import { type AnyModel, committerBehind } from '../capture/install.ts';
import { DAY_MS, startOf } from '../counters/bucket.ts';
import type { DayRange } from '../counters/cover-range.ts';
import type { Totals } from '../counters/totals.ts';
import { ConfigError } from '../errors.ts';
import { dateOf } from '../history/instant.ts';
import { requireVersioning } from '../history/require-versioning.ts';
import { rowsOf } from '../system/rows.ts';
import type { Registry } from '../tenancy/registry.ts';
import type { RouteContext } from '../types.ts';
import type { CollectionRoute } from './chronos.ts';

/** Whose versions are counted, and which. */
export interface TotalsOptions extends RouteContext {
  /** Only versions that were made on these days, the last one included, in UTC. Gauges have no totals of days. */
  readonly dateRange?: { readonly from: Date | string; readonly to: Date | string } | undefined;
}

const DIMENSIONS = ['key', 'databaseType', 'tier', 'tenantId', 'extIdentifier', 'dbName', 'dateRange'] as const;

/** What is counted. */
export class CounterTotals {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /**
   * How many versions a collection has had: those that are committed by now, each counted once. What is erased or dropped
   * later stays counted.
   *
   * @example
   * await chronos.counters.getTotals({ dbName: 'myapp', collection: 'users' });
   * // { created: 1000, updated: 500, deleted: 50, activeUsers: 750, rules: { activeUsers: 750 } }
   * await chronos.counters.getTotals('events', { key: 'runtime-a', dateRange: { from: '2024-01-01', to: '2024-01-31' } });
   *
   * @throws ConfigError without `counters` in the configuration, for what nothing is counted by, and for days of which
   *   `retention.counters` has let go
   * @throws VersioningDisabledError where there are no versions to count
   */
  async getTotals(
    collection: string | (CollectionRoute & Pick<TotalsOptions, 'dateRange'>),
    options: TotalsOptions = {},
  ): Promise<Totals> {
    const given = typeof collection === 'string' ? { collection } : collection;
    const { collection: name, dateRange, ...route } = { ...given, ...options };
    for (const dimension of Object.keys(route)) requireDimension(dimension);
    const { counters } = this.#registry;
    if (counters === undefined) throw new ConfigError({ message: NONE });
    const range = dateRange === undefined ? undefined : daysOf(dateRange);
    const model = this.#registry.modelOf(name, route);
    await model.db.asPromise();
    const { store } = committerBehind(model) ?? {};
    const counting = store === undefined ? undefined : counters.known(store);
    if (counting !== undefined) return counting.totals(rowsOf(model), range);
    if (store !== undefined) requireVersioning(store, 'count versions of');
    throw notNumbered(model);
  }
}

const NONE = 'Cannot count: the configuration has no counters. Give counters: { mongoUri, dbName }';

function requireDimension(name: string): void {
  if ((DIMENSIONS as readonly string[]).includes(name)) return;
  throw new ConfigError({
    message: `Cannot count by ${JSON.stringify(name.slice(0, 64))}: there are ${DIMENSIONS.join(', ')}. For more have a rule in counterRules`,
  });
}

function notNumbered({ modelName }: AnyModel): ConfigError {
  return new ConfigError({
    message: `Cannot count versions of ${modelName}: they are told by their numbers, which it has not. Leave out collectionVersion: false`,
  });
}

function daysOf({ from, to }: NonNullable<TotalsOptions['dateRange']>): DayRange {
  const range = { from: dayOf(from), to: dayOf(to) };
  if (range.from > range.to) throw new ConfigError({ message: 'Cannot count a range that ends before it begins' });
  if (range.to.getTime() - range.from.getTime() <= MAX_DAYS * DAY_MS) return range;
  throw new ConfigError({ message: `Cannot count more than ${MAX_DAYS} days at once` });
}

const MAX_DAYS = 36_600;

/** Versions are counted by days: a part of one cannot be told. */
function dayOf(at: Date | string): Date {
  const date = dateOf(at);
  if (startOf('day', date).getTime() === date.getTime()) return date;
  throw new ConfigError({ message: `Cannot count from or to ${date.toISOString()}: name days, such as 2024-01-31` });
}
