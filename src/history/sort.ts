import type { RawDocument } from '../types.ts';
import { recordPath } from './record-paths.ts';

/** Paths and directions, in their order: an object would move names that look like numbers to the front. */
export type Sort = ReadonlyMap<string, unknown>;

/** A sort in any of the forms that the driver takes. Undefined where it orders nothing. */
export function sortOf(sort: unknown): Sort | undefined {
  const paths = typeof sort === 'string' ? { [sort]: 1 } : (sort ?? {});
  const entries = paths instanceof Map || Array.isArray(paths) ? paths : Object.entries(paths);
  const ordered: Sort = new Map(entries as Iterable<[string, unknown]>);
  return ordered.size === 0 ? undefined : ordered;
}

/** The same sort of version records. */
export function recordSort(sort: Sort): Sort {
  return new Map([...sort].map(([path, order]) => [recordPath(path), order]));
}

export function sortStage(sort: Sort): RawDocument {
  return { $sort: new Map([...sort].map(([path, order]) => [path, directionOf(order)])) };
}

export function directionOf(order: unknown): 1 | -1 {
  return order === -1 || order === '-1' || order === 'desc' || order === 'descending' ? -1 : 1;
}
