import { UnversionedWriteError } from '../../src/index.ts';
import { type Entry, entriesLeftBy, type HistoryLibrary, startAnew } from './history-library.ts';
import { changesDuring } from './logged-changes.ts';
import { Portrait } from './portrait.ts';
import type { WritePath } from './write-paths.ts';

/**
 * - `yes`: each document that the path changed has a new entry
 * - `no`: one of them has none
 * - `wrong`: there is an entry of a document that the path did not change
 * - `refused`: nothing was written
 */
export type Capture = 'yes' | 'no' | 'wrong' | 'refused';

/** Whether a library records what a write path changes, which the server's log of a plain twin tells. */
export async function capture(library: HistoryLibrary, path: WritePath): Promise<Capture> {
  await startAnew(library);
  const changed = await changedBy(library, path);
  const named = namesIn(library);
  const verdict = (left: readonly Entry[]) => judged(changed, new Set(left.map(({ document }) => named(document))));
  const write = async () => named(await path.write(library.versioned, library.id, library.mongoose));
  try {
    return verdict(await entriesLeftBy(library, write, (left) => verdict(left) !== 'no'));
  } catch (error) {
    if (error instanceof UnversionedWriteError) return 'refused';
    throw error;
  }
}

async function changedBy(library: HistoryLibrary, path: WritePath): Promise<Set<string>> {
  const named = namesIn(library);
  const { plain, id, mongoose } = library;
  const { changes } = await changesDuring(plain, async () => named(await path.write(plain, id, mongoose)));
  if (changes.length === 0) throw new Error(`${path.name} changes nothing, so that it tells nothing`);
  return new Set(changes.map((change) => named(change.id)));
}

/** Names each generated `_id` by when it appears in a run, so that those of two runs can be compared. */
function namesIn({ mongoose }: HistoryLibrary): (value: unknown) => string {
  const portrait = new Portrait(mongoose, '$^');
  return (value) => JSON.stringify(portrait.of(value));
}

/** @param changed names of the documents that were changed @param named of those that have an entry */
export function judged(changed: ReadonlySet<string>, named: ReadonlySet<string>): Exclude<Capture, 'refused'> {
  if ([...named].some((document) => !changed.has(document))) return 'wrong';
  return [...changed].every((document) => named.has(document)) ? 'yes' : 'no';
}
