import type { mongo } from 'mongoose';
import { tenantOf } from '../row-id.ts';
import type { RawDocument } from '../types.ts';
import type { CountedAs } from './counted-rows.ts';
import type { CountingRule } from './counting-rule.ts';

/** Whose versions of a day were counted, and how many there are of each: `created`, `rules.activeUsers`. */
export interface DayTally {
  readonly tenant: string | undefined;
  readonly day: Date;
  readonly counts: Readonly<Record<string, number>>;
}

type Groups = readonly { readonly _id: CountedAs; readonly n: number }[];

const TOTALS = 'totals';

/** A stage that counts rows, all of them and those that meet a rule, by what they are counted as. */
export function tallyStage(rules: readonly CountingRule[], { totals }: { readonly totals: boolean }): RawDocument {
  const facets = rules.map(({ events, when }, index): [string, RawDocument[]] => {
    const concerned = { '_system.counted.event': { $in: events }, _id: { $exists: true } };
    return [`rule${index}`, [{ $match: concerned }, { $match: when }, GROUP]];
  });
  return { $facet: Object.fromEntries(totals ? [[TOTALS, [GROUP]], ...facets] : facets) };
}

const GROUP: RawDocument = {
  $group: {
    _id: { event: '$_system.counted.event', day: '$_system.counted.day', t: '$_system.counted.t' },
    n: { $sum: 1 },
  },
};

/** Sums of what was counted, by day and tenant. */
export class Tallies {
  readonly #days = new Map<string, { tenant: string | undefined; day: Date; counts: Record<string, number> }>();

  get all(): readonly DayTally[] {
    return [...this.#days.values()];
  }

  /** @param counted what the stage of these rules has given */
  add(rules: readonly CountingRule[], counted: Readonly<Record<string, Groups>>): void {
    for (const group of counted[TOTALS] ?? []) this.#add(group, group._id.event);
    for (const [index, { name }] of rules.entries()) {
      for (const group of counted[`rule${index}`] ?? []) this.#add(group, `rules.${name}`);
    }
  }

  #add({ _id: { day, t }, n }: Groups[number], name: string): void {
    const tenant = t === undefined || t === null ? undefined : tenantOf({ t: t as mongo.Binary, id: undefined });
    const key = `${day.getTime()} ${tenant ?? ''}`;
    const known = this.#days.get(key) ?? { tenant, day, counts: {} };
    known.counts[name] = (known.counts[name] ?? 0) + n;
    this.#days.set(key, known);
  }
}
