export type { AdministrationStatics, CollectionTarget } from './admin/administration.ts';
export type { AdoptOptions, AdoptProgress, AdoptReport, UnadoptOptions, UnadoptReport } from './admin/adopt.ts';
export type { CompactOptions, CompactReport } from './admin/compact.ts';
export type { ExportOptions, ExportReport } from './admin/export-history.ts';
export type {
  HardDeleteOptions,
  HardDeleteProgress,
  HardDeleteReport,
  HardDeleteTarget,
} from './admin/hard-delete.ts';
export type { HistoryCounts, StoredFile } from './admin/history-file.ts';
export type { ImportOptions, ImportReport } from './admin/import-history.ts';
export type { Finding, FindingKind } from './admin/judge.ts';
export type { FlushOptions, MarkOptions } from './admin/payloads.ts';
export type { RecoverReport } from './admin/recover.ts';
export type { SweepOptions, SweepReport } from './admin/sweep.ts';
export type { VerifyOptions, VerifyReport } from './admin/verify.ts';
export type { ChronosDocument, ChronosModelType, ChronosQueryHelpers } from './api/model-type.ts';
export type { PastDocument, PastModel } from './api/past-model.ts';
export type { DiffOptions, HistoryOptions, PresignVersionOptions, VersionReference } from './api/read-history.ts';
export { versioned } from './api/versioned.ts';
export type { VersionReadOptions } from './api/versioned-model.ts';
export type { EnrichOptions, RestoreTarget, VersionWriteOptions } from './api/write-versions.ts';
export type { Admin } from './client/admin.ts';
export type { BackupFacts, BackupReport } from './client/backups.ts';
export type { ItemWriteOptions } from './client/checked-by.ts';
export { Chronos, type CloseOptions, type CollectionRoute } from './client/chronos.ts';
export type { CounterTotals, TotalsOptions } from './client/counters.ts';
export { initChronos } from './client/init-chronos.ts';
export type { Item, ItemMeta, ItemSystem } from './client/item.ts';
export type { Layered, Layers, LayersOptions, LayersRoute, Merged } from './client/layers.ts';
export type { ItemListOptions, ItemPage } from './client/list-items.ts';
export type { MetaQuery, Operations } from './client/operations.ts';
export type { ItemOptions, ItemReference, ReadItemOptions } from './client/read-item.ts';
export type { Tenants } from './client/tenants.ts';
export type {
  CreatedItem,
  DeletedItem,
  EnrichItemOptions,
  RestoredItem,
  UpdatedItem,
  WrittenItem,
} from './client/write-item.ts';
export type { Clock } from './clock.ts';
export {
  type ChronosConfig,
  type CollectionMapConfig,
  type CounterRuleConfig,
  type DatabaseConnection,
  type DatabaseTypeConfig,
  defineConfig,
  type EnhancedChronosConfig,
  type HashContext,
  type LogsDatabaseConfig,
  type MongoConnConfig,
  type SpacesConnConfig,
  type TenantPlacement,
} from './config/chronos-config.ts';
export type { ChronosPluginOptions, PayloadPluginOptions, RetentionPluginOptions } from './config/options.ts';
export { type ChronosContext, runInChronosContext } from './context.ts';
export type { Totals } from './counters/totals.ts';
export * from './errors.ts';
export type { DocumentChange } from './history/diff.ts';
export type { JsonPatchOperation } from './history/json-patch.ts';
export type { Version, VersionList } from './history/version.ts';
export type { MarkReport } from './offload/mark-processed.ts';
export type { SweepCounts } from './offload/sweep-objects.ts';
export type { Digest } from './payload/digest.ts';
export type {
  CallOptions,
  DeleteOptions,
  GetOptions,
  ListOptions,
  ObjectFacts,
  ObjectPage,
  PayloadBuckets,
  PayloadStore,
  PresignedUrl,
  PresignOptions,
  PutOptions,
  SweepInterruptedOptions,
} from './payload/payload-store.ts';
export type { PresignBlobsOptions, PresignedBlob } from './payload/presign-blobs.ts';
export { FilePayloadStore, fileBuckets } from './payload/stores/file-payload-store.ts';
export { MemoryPayloadStore, memoryBuckets } from './payload/stores/memory-payload-store.ts';
export type {
  BucketStatus,
  EnsureBucketsOptions,
  EnsuredBuckets,
  S3Connectivity,
  SpacesValidation,
} from './payload/stores/s3-admin.ts';
export { chronos } from './plugin.ts';
export type {
  RestoreAction,
  RestoreCollectionOptions,
  RestoreCounts,
  RestoreProgress,
  RestoreReport,
} from './restore/restore-collection.ts';
export type { RetentionCounts, RetentionOptions, RetentionReport } from './retention/apply-retention.ts';
export type { DropManifestsOptions, DropManifestsReport } from './retention/drop-manifests.ts';
export type { Backend, BackendStorage } from './tenancy/backends.ts';
export type { Health, HealthOptions, ServiceHealth } from './tenancy/health.ts';
export type { CreateIndexesOptions, CreateIndexesProgress, CreateIndexesReport } from './tenancy/index-rollout.ts';
export type {
  Actor,
  Attribution,
  ChronosWriteOptions,
  DatabaseType,
  Instant,
  Op,
  RouteContext,
  SystemFields,
  Tier,
} from './types.ts';
