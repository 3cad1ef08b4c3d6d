import type { mongo } from 'mongoose';
import { heldAmong } from '../commit/held.ts';
import { idKey } from '../commit/pinned-id.ts';
import type { Store } from '../commit/store.ts';
import { type Confirmation, requireConfirmed } from '../confirmed.ts';
import { ConfigError } from '../errors.ts';
import { endOf } from './drop-records.ts';
import { noteChange } from './floor.ts';
import { readIfCurrent } from './manifest-body.ts';
import { manifestsOf } from './manifests.ts';
import { takeOut } from './take-out.ts';

export type DropManifestsOptions = Confirmation;

export interface DropManifestsReport {
  readonly dryRun: boolean;
  readonly dropped: number;
}

/**
 * Drops the versions for good that are in manifests of which all had ended by an instant, but for those of documents that
 * are held. From then on reads of them throw `BeyondRetentionError`.
 *
 * @param tenant limits it to one of the tenants that share the collection
 * @throws ConfigError without `confirm: true`, and without a valid date
 */
export async function dropManifests(
  store: Store,
  before: Date,
  options: DropManifestsOptions = {},
  tenant?: string,
): Promise<DropManifestsReport> {
  const { dryRun = false } = options;
  const what = `drop manifests of ${store.head.collectionName}`;
  requireConfirmed(what, options);
  // Compared with anything else, no end would be too late.
  if (!(before instanceof Date) || Number.isNaN(before.getTime())) {
    throw new ConfigError({ message: `Cannot ${what}: expected { before } to be a valid Date` });
  }
  let dropped = 0;
  for (const manifest of await manifestsOf(store, { tenant })) {
    if (manifest.until > before) continue;
    const records = (await readIfCurrent(store, manifest)) ?? [];
    const ids = records.map(({ id }) => id);
    const held = await heldAmong(store, ids);
    const isTaken = ({ id }: { readonly id: unknown }) => !held.has(idKey(id));
    const taken = records.filter(isTaken);
    if (taken.length === 0) continue;
    if (dryRun) dropped += taken.length;
    else {
      const also = async (session: mongo.ClientSession) => {
        await noteChange(store, tenant, session, endOf(taken));
        const now = await heldAmong(store, ids, session);
        return now.size === held.size && [...now].every((key) => held.has(key));
      };
      dropped += (await takeOut(store, manifest, isTaken, also)) ?? 0;
    }
  }
  return { dryRun, dropped };
}
