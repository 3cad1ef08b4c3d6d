import type { DueRecord } from './due-records.ts';

const BATCH_RECORDS = 2_000;
const BATCH_BYTES = 8_000_000;
/** What all batches that are being filled may hold. */
const OPEN_BYTES = 64_000_000;

interface Batch {
  readonly records: DueRecord[];
  bytes: number;
}

/** Records in batches of one group each. A batch is handed on when it is full, or the largest when all hold too much. */
export async function* batchesOf(
  records: AsyncIterable<DueRecord>,
  groupOf: (record: DueRecord) => string,
): AsyncGenerator<readonly DueRecord[]> {
  const open = new Map<string, Batch>();
  let held = 0;
  for await (const record of records) {
    const group = groupOf(record);
    const batch = open.get(group) ?? { records: [], bytes: 0 };
    open.set(group, batch);
    batch.records.push(record);
    batch.bytes += record.bytes.length;
    held += record.bytes.length;
    const full = isFull(batch) ? group : held > OPEN_BYTES ? largestOf(open) : undefined;
    if (full === undefined) continue;
    const handed = open.get(full) as Batch;
    open.delete(full);
    held -= handed.bytes;
    yield handed.records;
  }
  for (const [, batch] of [...open].sort(([a], [b]) => (a < b ? -1 : 1))) yield batch.records;
}

function isFull({ records, bytes }: Batch): boolean {
  return records.length >= BATCH_RECORDS || bytes >= BATCH_BYTES;
}

function largestOf(open: ReadonlyMap<string, Batch>): string {
  return [...open].reduce((a, b) => (b[1].bytes > a[1].bytes ? b : a))[0];
}
