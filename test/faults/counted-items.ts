import type { Mongoose } from 'mongoose';
import { type Chronos, initChronos } from '../../src/index.ts';

/** Items of a database, and the database they are counted in. */
export function countedItems(mongoose: Mongoose, uri: string, name: string, counters = `${name}-counters`) {
  const chronos = initChronos({
    mongoose,
    mongoConns: [{ key: 'main', mongoUri: uri }],
    databases: { runtime: [{ key: 'items', mongoConnKey: 'main', tenantId: 'a', dbName: name }] },
    counters: { mongoConnKey: 'main', dbName: counters },
    counterRules: { rules: [{ name: 'even', when: { n: { $mod: [2, 0] } } }] },
    writeOptimization: { debounceCountersMs: 3_600_000 },
  });
  const items = chronos.with<{ n: number }>(ROUTE);
  return { chronos, items, totals: () => totalsOf(chronos) };
}

const ROUTE = { tenantId: 'a', collection: 'items' } as const;

const totalsOf = (chronos: Chronos) => chronos.counters.getTotals(ROUTE);
