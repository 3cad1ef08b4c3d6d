import type { Model } from 'mongoose';
import type { Filter } from '../commit/captured-write.ts';
import type { Committer } from '../commit/committer.ts';
import { outcomeOf } from '../commit/once.ts';
import type { Store } from '../commit/store.ts';
import { RouteMismatchError } from '../errors.ts';
import type { Point } from '../history/instant.ts';
import type { MarkReport } from '../offload/mark-processed.ts';
import { type RestoreCollectionOptions, type RestoreReport, restoreCollection } from '../restore/restore-collection.ts';
import { applyRetention, type RetentionOptions, type RetentionReport } from '../retention/apply-retention.ts';
import { type DropManifestsOptions, type DropManifestsReport, dropManifests } from '../retention/drop-manifests.ts';
import { hold, releaseHold } from '../retention/hold.ts';
import { withShownIds } from '../row-id.ts';
import { requireErasable } from '../system/erasable.ts';
import { rowsOf } from '../system/rows.ts';
import type { Attribution, Instant } from '../types.ts';
import {
  type AdoptOptions,
  type AdoptReport,
  adopt,
  type UnadoptOptions,
  type UnadoptReport,
  unadopt,
} from './adopt.ts';
import { type CompactOptions, type CompactReport, compactVersions } from './compact.ts';
import { type ExportOptions, type ExportReport, exportHistory } from './export-history.ts';
import {
  type ErasureTargets,
  type HardDeleteOptions,
  type HardDeleteReport,
  type HardDeleteTarget,
  hardDelete,
} from './hard-delete.ts';
import type { StoredFile } from './history-file.ts';
import { type ImportOptions, type ImportReport, importHistory } from './import-history.ts';
import { castFilter, meantFilter } from './model-filter.ts';
import { type FlushOptions, flush, type MarkOptions, markByTtl, markItem } from './payloads.ts';
import { type RecoverReport, recover } from './recover.ts';
import { safeTime } from './safe-time.ts';
import { type SweepOptions, type SweepReport, sweep } from './sweep.ts';
import { type VerifyOptions, type VerifyReport, verify } from './verify.ts';

/** A model, and what stands behind it. */
export interface Administered {
  readonly model: Model<unknown>;
  committer(): Promise<Committer>;
  /** An id as the schema has it. */
  cast(id: unknown): unknown;
  /** The point in time that an instant names. */
  point(at: Instant): Point;
  /** @throws VersioningDisabledError where there is no past */
  requireVersioning(operation: string): void;
  requireOneOf(operation: string, target: object, names: readonly string[]): void;
}

/** The instant a collection is restored to. */
export type CollectionTarget = { readonly at: Date | string } | { readonly cv: number };

/** What a model's whole collection can be asked to do. */
export interface AdministrationStatics {
  /**
   * Takes the collection, or what a filter selects of it, back to its state as of an instant. Each document gets a
   * version of its own; running it again finishes a run that was cut short.
   *
   * @example
   * const plan = await User.restoreCollection({ at: yesterday }, { dryRun: true });
   * await User.restoreCollection({ at: yesterday }, { filter: { team: 'a' }, actor: 'ops', reason: 'bad import' });
   */
  restoreCollection(target: CollectionTarget, options?: RestoreCollectionOptions): Promise<RestoreReport>;

  /**
   * Erases documents with all of their history; nothing brings them back. Of each a proof stays that it was erased.
   *
   * @example
   * await User.hardDelete({ id }, { dryRun: true });
   * await User.hardDelete({ id }, { confirm: true, actor: 'dpo', reason: 'request 42' });
   *
   * @throws ConfigError without `confirm: true`, or where the configuration does not allow it
   */
  hardDelete(target: HardDeleteTarget, options?: HardDeleteOptions): Promise<HardDeleteReport>;

  /**
   * Writes the collection with its whole history to a stream or an object, as compressed lines of JSON, all of one
   * snapshot.
   *
   * @example
   * await User.exportHistory(createWriteStream('users.ndjson.gz'));
   * await User.exportHistory({ store: s3.backup, key: 'users/2026-01-01.ndjson.gz' });
   *
   * @throws SnapshotExpiredError where the stream takes longer than the server keeps a snapshot: export in ranges of ids
   *   then (`after`, `upTo`), each to a file of its own
   */
  exportHistory(to: NodeJS.WritableStream | StoredFile, options?: ExportOptions): Promise<ExportReport>;

  /**
   * Puts an export into an empty collection, or back into the same one. What is there already is left alone, and what was
   * erased since stays so; a run that was cut short is finished by running it again.
   *
   * @example
   * await User.importHistory(createReadStream('users.ndjson.gz'));
   *
   * @throws HistoryFileError for a file that is no export, not intact, or of another history
   */
  importHistory(from: AsyncIterable<Uint8Array> | StoredFile, options?: ImportOptions): Promise<ImportReport>;

  /** Reports, with ids, whatever in the collection and its history no write of this library leaves behind. */
  verify(options?: VerifyOptions): Promise<VerifyReport>;

  /** Repairs what writers that do not keep history have left behind. Doing it again writes nothing. */
  recover(): Promise<RecoverReport>;

  /** Writes the first bookkeeping of documents from before the plugin, which they can also do without. */
  adopt(options?: AdoptOptions): Promise<AdoptReport>;

  /** Takes the bookkeeping off all documents, and with `dropHistory` drops the history: the plugin can be removed. */
  unadopt(options?: UnadoptOptions): Promise<UnadoptReport>;

  /** Stores old versions densely. To be run now and then, beside running reads and writes. */
  compact(options?: CompactOptions): Promise<CompactReport>;

  /**
   * Waits until the payloads of all versions that are committed by now are in object storage.
   *
   * @throws StorageError where it does not answer in time, by default within a minute; nothing is lost then
   */
  flush(options?: FlushOptions): Promise<void>;

  /**
   * Leaves in MongoDB only the part to search by of versions that were written so many hours ago, once their payloads are
   * stored and were read again. Documents read as before.
   *
   * @throws ConfigError without `confirm: true`, unless it is a dry run
   */
  markItemsAsProcessedByTTL(hours: number, options: MarkOptions): Promise<MarkReport>;

  /**
   * The same for all versions of one document.
   *
   * @returns whether there was anything to mark
   */
  markItemAsProcessed(id: unknown, options: MarkOptions): Promise<boolean>;

  /**
   * Takes the versions away that are past the `retention` of the plugin, beside running reads and writes. Reads of what
   * is dropped throw `BeyondRetentionError`. To be run now and then; a run that was cut short is finished by the next.
   *
   * @throws ConfigError without `confirm: true`, unless it is a dry run, and where all versions are kept
   */
  applyRetention(options: RetentionOptions): Promise<RetentionReport>;

  /**
   * Removes the objects of the collection in object storage that nothing refers to: what is left of uploads that were cut
   * short, and of versions that are gone. Writers may go on meanwhile.
   *
   * @example
   * await Invoice.sweep({ dryRun: true });
   * await Invoice.sweep({ confirm: true });
   *
   * @throws ConfigError without `confirm: true`, unless it is a dry run
   */
  sweep(options: SweepOptions): Promise<SweepReport>;

  /** Drops rolled up versions for good, of manifests in which all had ended by an instant. */
  dropManifests(target: { readonly before: Date }, options: DropManifestsOptions): Promise<DropManifestsReport>;

  /**
   * Holds a document, for whoever has to be able to prove what it was: retention takes none of its versions, and erasing
   * it is a `LegalHoldError`, until `releaseHold(id)`.
   *
   * @throws VersioningDisabledError where a version goes with the write that takes its place
   */
  hold(id: unknown, attribution?: Attribution): Promise<void>;

  /** @returns whether the document was held */
  releaseHold(id: unknown): Promise<boolean>;

  /** The newest instant whose answer can no longer change. */
  safeTime(): Promise<Date>;

  /** What the call with this `opId` returned and when, or null where none was committed. */
  outcome(opId: string): Promise<{ at: Date; result: unknown } | null>;
}

/** The names of what a collection can be asked to do. */
export const ADMINISTRATION = [
  'restoreCollection',
  'hardDelete',
  'exportHistory',
  'importHistory',
  'verify',
  'recover',
  'adopt',
  'unadopt',
  'compact',
  'flush',
  'markItemsAsProcessedByTTL',
  'markItemAsProcessed',
  'applyRetention',
  'dropManifests',
  'hold',
  'releaseHold',
  'sweep',
  'safeTime',
  'outcome',
] as const satisfies readonly (keyof AdministrationStatics)[];

/** @throws ConfigError for a filter by what is in object storage */
async function requireAnswerable({ payload }: Store, operation: string, filter: Filter): Promise<void> {
  await payload?.kept.known();
  payload?.requireFilter(operation, filter);
}

export function administration(administered: Administered): AdministrationStatics {
  const { model } = administered;
  const rows = rowsOf(model);
  const ids = rows?.allIds;
  return {
    async restoreCollection(target, options = {}) {
      administered.requireVersioning('restore');
      administered.requireOneOf('restore', target, ['at', 'cv']);
      const point = administered.point('cv' in target ? target : target.at);
      const committer = await administered.committer();
      const filter = options.filter === undefined ? castFilter(model) : meantFilter(model, 'restore', options.filter);
      await requireAnswerable(committer.store, 'restore', filter);
      const report = await restoreCollection(committer, point, filter, options, rows?.tenantId);
      for (const { error } of report.failures) rows?.shownError(error);
      return report;
    },
    verify: async (options) => verify((await administered.committer()).store, options, ids),
    recover: async () => recover((await administered.committer()).store, ids),
    async adopt(options) {
      requireWhole(model, 'adopt');
      return adopt((await administered.committer()).store, options);
    },
    async unadopt(options) {
      requireWhole(model, 'unadopt');
      const { store } = await administered.committer();
      await store.counting?.settle();
      return unadopt(store, options);
    },
    async compact(options) {
      if (options?.releaseSpace === true) requireWhole(model, 'release the space of');
      return compactVersions((await administered.committer()).store, options, ids);
    },
    async hardDelete(target, options = {}) {
      requireErasable(model);
      const { store } = await administered.committer();
      const targets = erasureTargets(administered, target);
      if ('filter' in targets) await requireAnswerable(store, 'erase', targets.filter);
      // An erasure does not fail for counters that cannot be reached.
      if (options.dryRun !== true) await store.counting?.settle().catch(() => undefined);
      return hardDelete(store, targets, options, ids);
    },
    flush: async (options) => flush((await administered.committer()).store, options),
    async markItemsAsProcessedByTTL(hours, options) {
      requireWhole(model, 'mark');
      return markByTtl((await administered.committer()).store, hours, options);
    },
    markItemAsProcessed: async (id, options) =>
      markItem((await administered.committer()).store, administered.cast(id), options),
    sweep: async (options) => sweep((await administered.committer()).store, options, rows?.tenantId),
    async exportHistory(to, options = {}) {
      requireWhole(model, 'export');
      const { store } = await administered.committer();
      const cast = (id: unknown) => (id === undefined ? undefined : administered.cast(id));
      return exportHistory(store, to, { ...options, after: cast(options.after), upTo: cast(options.upTo) });
    },
    async importHistory(from, options) {
      requireWhole(model, 'import into');
      administered.requireVersioning('import a history into');
      const { store } = await administered.committer();
      return importHistory(store, from, options);
    },
    async applyRetention(options) {
      const { store } = await administered.committer();
      if (options?.dryRun !== true) await store.counting?.settle();
      return applyRetention(store, options, ids);
    },
    dropManifests: async (target, options) =>
      dropManifests((await administered.committer()).store, target?.before, options, rows?.tenantId),
    async hold(id, attribution) {
      administered.requireVersioning('hold a document of');
      await hold((await administered.committer()).store, administered.cast(id), attribution);
    },
    releaseHold: async (id) => releaseHold((await administered.committer()).store, administered.cast(id)),
    safeTime: async () => safeTime((await administered.committer()).store),
    async outcome(opId) {
      const { store } = await administered.committer();
      const known = await outcomeOf(store, rows?.storedId(opId) ?? opId);
      return rows === undefined ? known : (withShownIds(known) as typeof known);
    },
  };
}

/** What is about a collection itself is not for one of the tenants that share it. */
function requireWhole(model: Model<unknown>, what: string): void {
  const rows = rowsOf(model);
  if (rows === undefined) return;
  throw new RouteMismatchError({
    message: `Cannot ${what} ${model.collection.name} for tenant ${rows.tenantId}: others share it`,
  });
}

function erasureTargets(administered: Administered, target: HardDeleteTarget): ErasureTargets {
  if ('filter' in target) {
    return { filter: meantFilter(administered.model, 'erase', target.filter) };
  }
  return { ids: ('ids' in target ? target.ids : [target.id]).map((id) => administered.cast(id)) };
}
