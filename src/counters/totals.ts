import type { mongo } from 'mongoose';
import type { Store } from '../commit/store.ts';
import { ConfigError } from '../errors.ts';
import type { Rows } from '../system/rows.ts';
import type { RawDocument } from '../types.ts';
import { keptSeconds } from './bucket.ts';
import { rulesHere } from './count-range.ts';
import type { CounterDatabase, Counts } from './counter-database.ts';
import { countedAs } from './counting-mark.ts';
import { type CountingRule, EVENTS } from './counting-rule.ts';
import { coverRange, type DayRange } from './cover-range.ts';

/** How many versions there are of each kind, and what rules have counted. */
export interface Totals {
  readonly created: number;
  /** Changes, enrichments, and restored versions. */
  readonly updated: number;
  /** Deletions, and erasures. */
  readonly deleted: number;
  /** By the names of the rules that count in the collection. */
  readonly rules: Readonly<Record<string, number>>;
  /** Each rule once more, as `totals.activeUsers`. */
  readonly [rule: string]: number | Readonly<Record<string, number>>;
}

/** Whose counts, and of which days. */
export interface TotalsOf {
  readonly rows: Rows | undefined;
  readonly range: DayRange | undefined;
}

/** Reads what is counted by now. Gauges are of this moment, and there is none of a range. */
export async function readTotals(
  store: Store,
  { counters, rules }: { readonly counters: CounterDatabase; readonly rules: readonly CountingRule[] },
  { rows, range }: TotalsOf,
): Promise<Totals> {
  const as = await countedAs(store);
  const tenant = rows?.tenantId ?? null;
  const counts = as === undefined ? [] : await countsOf(store, counters, { as, tenant }, range);
  const { inMongo, away } = rulesHere(store, rules);
  const byRule = [...inMongo, ...away].filter(({ mode }) => mode === 'events' || range === undefined);
  const counted = byRule.map(async (rule): Promise<[string, number]> => {
    const isGauge = rule.mode === 'gauge';
    return [rule.name, isGauge ? await gauge(store, rule, rows) : sum(counts, ({ rules: all }) => all?.[rule.name])];
  });
  const named = Object.fromEntries(await Promise.all(counted));
  const [created = 0, updated = 0, deleted = 0] = EVENTS.map((event) => sum(counts, (one) => one[event]));
  return { ...named, created, updated, deleted, rules: named };
}

async function countsOf(
  store: Store,
  counters: CounterDatabase,
  of: Parameters<CounterDatabase['total']>[0],
  range: DayRange | undefined,
): Promise<readonly Counts[]> {
  if (range === undefined) return [await counters.total(of)];
  const seconds = keptSeconds(counters.retention);
  const now = store.clock.now().getTime();
  const cover = coverRange(range, (unit, end) => end.getTime() + (seconds[unit] ?? Infinity) * 1000 > now);
  if (cover instanceof Date) throw noneOf(store, cover);
  return counters.buckets(of, cover);
}

function noneOf({ head }: Store, day: Date): ConfigError {
  return new ConfigError({
    message: `Cannot count ${head.collectionName} from ${day.toISOString().slice(0, 10)}: retention.counters has let go of that day. Ask for later days, or for whole weeks or months where those are kept longer`,
  });
}

/** Current documents that meet a rule. */
async function gauge({ head }: Store, { when }: CountingRule, rows: Rows | undefined): Promise<number> {
  const own: RawDocument = rows === undefined ? {} : { _id: rows.allIds };
  const filter = { $and: [own, when] } as mongo.Filter<RawDocument>;
  return head.countDocuments(filter, { readPreference: 'primary' });
}

function sum(counts: readonly Counts[], of: (one: Counts) => number | undefined): number {
  return counts.reduce((total, one) => total + (of(one) ?? 0), 0);
}
