import { recordProjection } from '../../history/record-paths.ts';
import type { RawDocument } from '../../types.ts';
import { refusal } from './refusal.ts';
import { storedKeys } from './row-indexes.ts';
import { returnsIds, storedSort } from './row-options.ts';
import { shownDocument } from './row-results.ts';
import type { TenantRows } from './tenant-rows.ts';

type Cursor = object & { map(transform: (document: RawDocument) => unknown): unknown };
type Argument = (value: unknown) => unknown;

/** What can be asked of any cursor. */
const COMMON: readonly PropertyKey[] = [
  'next',
  'tryNext',
  'hasNext',
  'toArray',
  'forEach',
  'map',
  'close',
  'stream',
  'explain',
  'rewind',
  'limit',
  'skip',
  'batchSize',
  'maxTimeMS',
  'addCursorFlag',
  'withReadPreference',
  'withReadConcern',
  'bufferedCount',
  'on',
  'once',
  'off',
  'addListener',
  'removeListener',
  'emit',
  'id',
  'closed',
  'killed',
  'namespace',
  'readPreference',
  'session',
  Symbol.asyncIterator,
  Symbol.asyncDispose,
];

/** A cursor over a tenant's documents, shown as the app knows them. Its filter cannot be taken off again. */
export function rowCursor(rows: TenantRows, cursor: Cursor, showsIds: boolean): object {
  if (showsIds) cursor.map((document) => shownDocument(rows, document));
  return guarded(rows, cursor, [...COMMON, 'comment', 'allowDiskUse', 'maxAwaitTimeMS'], {
    filter: (filter) => rows.filter(filter as RawDocument),
    sort: storedSort,
    hint: (hint) => (typeof hint === 'object' ? storedKeys(rows, hint) : hint),
    project: (projection) => {
      if (returnsIds({ projection }) === showsIds) return recordProjection(projection as RawDocument);
      throw refusal(rows.tenantId, 'give _id another value by project()', 'Use the option projection');
    },
  });
}

/** A cursor over the result of a pipeline, to which stages may be added that see that and nothing else. */
export function rowAggregation(rows: TenantRows, cursor: Cursor): object {
  return guarded(rows, cursor, [...COMMON, 'group', 'match', 'project', 'redact', 'sort', 'unwind'], {});
}

/** A change stream, which holds the collection and its client. */
export function rowChanges(rows: TenantRows, stream: object): object {
  return guarded(rows, stream, [...COMMON, 'removeAllListeners', 'resumeToken'], {});
}

function guarded(
  rows: TenantRows,
  cursor: object,
  allowed: readonly PropertyKey[],
  mapped: Readonly<Record<string, Argument>>,
): object {
  const proxy: object = new Proxy(cursor, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (value === undefined || name === 'constructor') return value;
      const argument = typeof name === 'string' && Object.hasOwn(mapped, name) ? mapped[name] : undefined;
      if (argument === undefined && !allowed.includes(name)) {
        if (typeof name === 'symbol') return undefined;
        throw refusal(rows.tenantId, `use ${name} of a cursor`, 'Say it in the call that makes the cursor');
      }
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        const [first, ...rest] = args;
        const result: unknown = value.apply(target, argument === undefined ? args : [argument(first), ...rest]);
        return result === target ? proxy : result;
      };
    },
  });
  return proxy;
}
