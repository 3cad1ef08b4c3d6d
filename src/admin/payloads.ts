import { finishedDeleted } from '../commit/erase-document.ts';
import type { Store } from '../commit/store.ts';
import { type Confirmation, requireConfirmed } from '../confirmed.ts';
import { ConfigError } from '../errors.ts';
import type { MarkReport } from '../offload/mark-processed.ts';
import type { PayloadTier } from '../offload/payload-tier.ts';

export interface FlushOptions {
  /**
   * For how long object storage is waited for, in milliseconds.
   * @default 60000
   */
  readonly deadlineMs?: number | undefined;
}

export type MarkOptions = Confirmation;

export async function flush(store: Store, { deadlineMs }: FlushOptions = {}): Promise<void> {
  await store.payload?.flush(deadlineMs);
  await finishedDeleted(store);
  await store.counting?.settle();
}

export async function markByTtl(store: Store, hours: number, options: MarkOptions = {}): Promise<MarkReport> {
  if (typeof hours !== 'number' || !(hours >= 0)) {
    throw new ConfigError({ message: `Cannot mark what is older than ${hours} hours: expected a number from 0` });
  }
  return confirmed(store, options).markByTtl(hours, options.dryRun === true);
}

export async function markItem(store: Store, id: unknown, options: MarkOptions = {}): Promise<boolean> {
  return (await confirmed(store, options).mark(id, options.dryRun === true)) > 0;
}

/** @throws ConfigError that says what (`sweep the objects of users`) cannot be done, where all of the collection stays in MongoDB */
export function requirePayload({ payload }: Store, what: string): PayloadTier {
  if (payload !== undefined) return payload;
  throw new ConfigError({
    message: `Cannot ${what}: its payloads are not kept in object storage. Apply the plugin with payload`,
  });
}

function confirmed(store: Store, options: MarkOptions): PayloadTier {
  const what = `mark versions of ${store.head.collectionName} as processed`;
  const payload = requirePayload(store, what);
  requireConfirmed(what, options);
  return payload;
}
