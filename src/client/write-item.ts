import type { RestoreTarget, EnrichOptions as VersionEnrichOptions } from '../api/write-versions.ts';
import { type EffectiveOptions, runWithWriteOptions } from '../context.ts';
import { ConfigError, NotFoundError, OptimisticLockError } from '../errors.ts';
import { findVersion } from '../history/find-version.ts';
import { isPlainObject } from '../plain-object.ts';
import type { Attribution, RawDocument, SystemFields } from '../types.ts';
import { checkedBy, checkedOv, type ItemWriteOptions } from './checked-by.ts';
import { checkedData } from './checked-data.ts';
import { shownItemId } from './item.ts';
import { idOf, requireId } from './item-id.ts';
import type { Items } from './items.ts';
import { withBlobs } from './with-blobs.ts';

/** A write of the client's does not wait for ever, in milliseconds. */
const DEADLINE_MS = 30_000;

/** What a write made of a document. */
export interface WrittenItem {
  readonly id: string;
  /** The number of the version. */
  readonly ov: number;
  /** Its number in the collection; null where those are not kept. */
  readonly cv: number | null;
}

export interface CreatedItem extends WrittenItem {
  readonly createdAt: Date;
}

export interface UpdatedItem extends WrittenItem {
  readonly updatedAt: Date;
}

export interface DeletedItem extends WrittenItem {
  readonly deletedAt: Date;
}

export interface RestoredItem extends UpdatedItem {
  /** The version whose content it has; undefined where it was current already, and nothing was written. */
  readonly restoredFrom?: number;
}

export type EnrichItemOptions = ItemWriteOptions & Pick<VersionEnrichOptions, 'includeDeleted'>;

export async function createItem(items: Items, data: unknown, given: Attribution): Promise<CreatedItem> {
  const { model } = items;
  const { actor, reason } = checkedBy(given);
  const by = { actor, reason };
  const { _id, _system, ...content } = checkedData(`create a document of ${model.modelName}`, data);
  const id = newId(items, _id);
  const document = { _id: id, ...(await withBlobs(items, undefined, content)) };
  const system = items.areSchemaless
    ? await versionOf(items, id, by, async () => {
        await model.collection.insertOne(document as never);
      })
    : await savedVersion(items, document, by);
  return { ...written(id, system), createdAt: system.insertedAt as Date };
}

/** The whole of the document becomes `data`; its id, and when it was inserted, stay. */
export async function updateItem(items: Items, id: unknown, data: unknown, by: ItemWriteOptions): Promise<UpdatedItem> {
  const { model } = items;
  const checked = checkedBy(by);
  const { _id: given, _system, ...content } = checkedData(`update a document of ${model.modelName}`, data);
  const own = requireId(model, id);
  if (given !== undefined && shownItemId(idOf(model, given)) !== shownItemId(own)) {
    throw new ConfigError({
      message: `Cannot update a document of ${model.modelName} by one of another _id. Leave _id out`,
    });
  }
  const document = await withBlobs(items, own, content);
  const system = await versionOf(items, own, { ...checked, always: true }, async () => {
    if (items.areSchemaless) await model.collection.replaceOne({ _id: own } as never, document as never);
    else await model.replaceOne({ _id: own }, document as never, { runValidators: true });
  });
  return { ...written(own, system), updatedAt: system.updatedAt as Date };
}

export async function deleteItem(items: Items, id: unknown, by: ItemWriteOptions): Promise<DeletedItem> {
  const checked = checkedBy(by);
  const own = requireId(items.model, id);
  const system = await versionOf(items, own, checked, async () => {
    await items.model.deleteOne({ _id: own });
  });
  return { ...written(own, system), deletedAt: system.deletedAt as Date };
}

export async function enrichItem(
  items: Items,
  id: unknown,
  patch: unknown,
  options: EnrichItemOptions,
): Promise<UpdatedItem> {
  const own = requireId(items.model, id);
  const patches = [patch].flat().map((one) => checkedData(`enrich a document of ${items.model.modelName}`, one));
  const { includeDeleted } = options;
  const by = { ...checkedBy(options), includeDeleted, deadlineMs: DEADLINE_MS };
  const whole = await Promise.all(patches.map((one) => withBlobs(items, own, one)));
  const made = await items.run(() => items.verbs.writing.madeByEnrich(own, whole, by));
  const system = made ?? (await unchanged(items, own, by.expectedOv));
  return { ...written(own, system), updatedAt: system.updatedAt as Date };
}

export async function restoreItem(
  items: Items,
  id: unknown,
  target: RestoreTarget,
  options: ItemWriteOptions,
): Promise<RestoredItem> {
  const by = { ...checkedBy(options), deadlineMs: DEADLINE_MS };
  if (isPlainObject(target) && 'ov' in target) checkedOv(target.ov ?? Number.NaN);
  const own = requireId(items.model, id);
  const made = await items.run(() => items.verbs.writing.madeByRestore(own, target, by));
  const system = made ?? (await unchanged(items, own, by.expectedOv));
  const { restoredFrom } = made ?? {};
  const from = restoredFrom === undefined ? {} : { restoredFrom };
  return { ...written(own, system), updatedAt: system.updatedAt as Date, ...from };
}

interface SavedDocument {
  readonly _system: SystemFields;
  save(options: object): Promise<unknown>;
}

async function savedVersion({ model }: Items, content: RawDocument, by: Attribution): Promise<SystemFields> {
  const Model = model as unknown as new (content: RawDocument) => SavedDocument;
  const document = new Model(content);
  await document.save({ chronos: { ...by, deadlineMs: DEADLINE_MS } });
  return document._system;
}

/** Ids are made, unless the entity declares ids of its own. */
function newId({ model }: Items, given: unknown): unknown {
  const path = model.schema.path('_id') as { options?: { auto?: boolean }; cast(value: unknown): unknown } | undefined;
  if (path?.options?.auto !== true && given !== undefined) return path?.cast(given) ?? given;
  if (given === undefined) return new model.base.Types.ObjectId();
  throw new ConfigError({
    message: `Cannot create a document of ${model.modelName} with an _id: ids are made. Leave it out`,
  });
}

/**
 * Makes the one write about a document, and tells the bookkeeping of the version that it made.
 *
 * @throws NotFoundError where it met no document
 */
async function versionOf(
  { model }: Items,
  id: unknown,
  by: EffectiveOptions,
  write: () => Promise<void>,
): Promise<SystemFields> {
  let made: SystemFields | undefined;
  const note = (system: SystemFields) => {
    made = system;
    return () => undefined;
  };
  const collection = model.collection.collectionName;
  try {
    await runWithWriteOptions({ ...by, deadlineMs: DEADLINE_MS, made: note }, { collection, id }, write);
  } catch (error) {
    // Whoever names a version of a document that is gone is told that it is gone.
    if (error instanceof OptimisticLockError && error.actual === null) throw new NotFoundError(collection, id);
    throw error;
  }
  if (made === undefined) throw new NotFoundError(collection, id);
  return made;
}

/** The version that a call has met, where it made none. */
async function unchanged({ verbs, model }: Items, id: unknown, expectedOv: number | undefined): Promise<SystemFields> {
  const { versioned } = verbs;
  const which = expectedOv === undefined ? 'latest' : { ov: expectedOv };
  const found = await findVersion(await versioned.store(), versioned.cast(id), which, true, versioned.session({}));
  if (found === undefined) throw new NotFoundError(model.collection.collectionName, id);
  return found.version.system;
}

function written(id: unknown, { ov, cv }: SystemFields): WrittenItem {
  return { id: shownItemId(id), ov, cv: cv ?? null };
}
