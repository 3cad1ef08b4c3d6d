import type { Model, Schema } from 'mongoose';
import { encodeWhole } from '../bson/encode-whole.ts';
import { type AnyDocument, definedFields, isDocument } from '../bson/equality.ts';
import { decodeExact, type ExactDocument, equalsIgnoring, topLevel } from '../bson/exact.ts';
import type { DriverOptions } from '../commit/captured-write.ts';
import type { Committer } from '../commit/committer.ts';
import { isDuplicateKey } from '../commit/mongo-errors.ts';
import { once } from '../commit/once.ts';
import type { Store } from '../commit/store.ts';
import { entriesOf, fieldOf } from '../commit/version-record.ts';
import { ConfigError, NotFoundError } from '../errors.ts';
import { deletedVersion, type StoredVersion, storedHead } from '../history/document-history.ts';
import type { ChronosWriteOptions, RawDocument, SystemFields } from '../types.ts';
import { castPatch } from './cast-patch.ts';
import { checkedPatch, PatchRefused } from './checked-patch.ts';
import { deepMerge } from './deep-merge.ts';

/** How a document is enriched. */
export interface EnrichTarget {
  readonly id: unknown;
  /** Enrich a deleted document as it last was, which brings it back. Without, it is not found. */
  readonly includeDeleted: boolean;
}

/**
 * Merges patches into a document, in their order, as one version. The merge is worked out from the document that the
 * same transaction replaces, so that enrichments made at the same time all take effect; what no patch names keeps its
 * bytes. Validators see the document as it was read just before, and run for the fields that a patch names.
 *
 * @returns the bookkeeping of the version that was made, if one was by this very call
 * @throws NotFoundError; ConfigError for no patch, or one that cannot be merged; and Mongoose's own CastError,
 *   StrictModeError and ValidationError for what the schema does not allow
 */
export async function enrichDocument(
  model: Model<unknown>,
  committer: Committer,
  target: EnrichTarget,
  patches: readonly RawDocument[],
  chronos: ChronosWriteOptions,
  options: DriverOptions,
): Promise<SystemFields | undefined> {
  const checked = checkedPatches(model, patches);
  let made: SystemFields | undefined;
  await once(committer.store, chronos, options.session, async (session) => {
    made = await enrich(model, committer, target, checked, chronos, { ...options, session });
  });
  return made;
}

async function enrich(
  model: Model<unknown>,
  committer: Committer,
  target: EnrichTarget,
  patches: readonly AnyDocument[],
  chronos: ChronosWriteOptions,
  options: DriverOptions,
): Promise<SystemFields | undefined> {
  const { store } = committer;
  const source = await sourceOf(store, target, options);
  const kind = kindOf(model, store, source);
  const merge = merging(kind, store, patches, chronos);
  const merged = merge(source.bytes);
  if (merged !== undefined) await validate(kind, store, merged, patches);
  try {
    if (source.isHead) return await replace(committer, target, merge, chronos, options);
    const brought = merged ?? content(decodeExact(store.bson, source.bytes));
    return await bringBack(committer, source, brought, chronos, options);
  } catch (error) {
    const overtaken = error instanceof NotFoundError || (!source.isHead && isDuplicateKey(error));
    if (!target.includeDeleted || !overtaken || options.session?.inTransaction()) throw error;
    // Somebody else has deleted the document or brought it back in between.
    return enrich(model, committer, { ...target, includeDeleted: false }, patches, chronos, options);
  }
}

function checkedPatches(model: Model<unknown>, patches: readonly RawDocument[]): readonly AnyDocument[] {
  const { modelName } = model;
  if (patches.length === 0) {
    throw new ConfigError({
      message: `Cannot enrich ${modelName} with no patch: expected an object or an array of at least one`,
    });
  }
  try {
    return patches.map(checkedPatch);
  } catch (error) {
    if (!(error instanceof PatchRefused)) throw error;
    throw new ConfigError({ message: `Cannot enrich ${modelName}: ${error.message}`, cause: error });
  }
}

async function sourceOf(
  store: Store,
  { id, includeDeleted }: EnrichTarget,
  { session }: DriverOptions,
): Promise<StoredVersion> {
  const head = await storedHead(store, id, session ?? undefined);
  const source = head ?? (includeDeleted ? await deletedVersion(store, id, {}, session ?? undefined) : undefined);
  if (source !== undefined) return source;
  throw new NotFoundError(store.head.collectionName, id);
}

/** The model of the document's own kind, where it has kinds. */
function kindOf(model: Model<unknown>, { bson }: Store, { bytes }: StoredVersion): Model<unknown> {
  const { discriminators, schema } = model;
  if (discriminators === undefined) return model;
  const { discriminatorKey = '__t' } = schema.options as { discriminatorKey?: string };
  const kind = topLevel(bson, bytes, discriminatorKey);
  const isOfKind = ({ schema: own }: Model<unknown>) =>
    (own as unknown as { discriminatorMapping?: { value: unknown } }).discriminatorMapping?.value === kind;
  return (Object.values(discriminators) as Model<unknown>[]).find(isOfKind) ?? model;
}

type Merge = (current: Uint8Array) => Map<string, unknown> | undefined;

/**
 * Works out the enriched document, or undefined where the patches add nothing and no function wants it on record that
 * it ran. What it has worked out for validation it gives again when the commit meets the same document.
 */
function merging(
  model: Model<unknown>,
  { bson }: Store,
  patches: readonly AnyDocument[],
  { functionId }: ChronosWriteOptions,
): Merge {
  const cast = patches.map((patch) => castPatch(model, patch));
  const merge: Merge = (current) => {
    const before = decodeExact(bson, current);
    const after = cast.reduce<ExactDocument>(deepMerge, before);
    const changes = !equalsIgnoring(current, encodeWhole(bson, after), '_system');
    if (!changes) return functionId === undefined ? undefined : content(before);
    return content(deepMerge(after, timestampOf(model)));
  };
  let known: { readonly current: Uint8Array; readonly merged: Map<string, unknown> | undefined } | undefined;
  return (current) => {
    if (known === undefined || Buffer.compare(known.current, current) !== 0)
      known = { current, merged: merge(current) };
    return known.merged;
  };
}

function content(document: ExactDocument): Map<string, unknown> {
  const fields = new Map(entriesOf(document));
  fields.delete('_system');
  return fields;
}

/** The patch that sets the time of the last change, where the schema keeps one. */
function timestampOf({ schema, base }: Model<unknown>): RawDocument {
  const { $timestamps } = schema as unknown as { $timestamps?: { updatedAt?: string } };
  const { timestamps } = schema.options as { timestamps?: { currentTime?: () => unknown } | boolean };
  const path = $timestamps?.updatedAt;
  if (path === undefined) return {};
  const currentTime = typeof timestamps === 'object' ? timestamps.currentTime : undefined;
  const now: unknown = currentTime?.() ?? base.now();
  return path.split('.').reduceRight<unknown>((value, name) => ({ [name]: value }), now) as RawDocument;
}

/** The paths that a patch sets. Where it empties a nested object, only what is required in there can be missed. */
function namedPaths(schema: Schema, fields: AnyDocument, prefix = ''): string[] {
  return definedFields(fields).flatMap(([name, value]) => {
    const path = `${prefix}${name}`;
    if (schema.pathType(path) !== 'nested') return [path];
    if (isDocument(value)) return namedPaths(schema, value, `${path}.`);
    return schema.requiredPaths().filter((required) => required.startsWith(`${path}.`));
  });
}

/** Checks the fields that the patches name, on the document as it would be. */
async function validate(
  model: Model<unknown>,
  { bson }: Store,
  merged: Map<string, unknown>,
  patches: readonly AnyDocument[],
): Promise<void> {
  const document = bson.deserialize(encodeWhole(bson, merged)) as RawDocument;
  const named = patches.flatMap((patch) => namedPaths(model.schema, patch));
  const { discriminatorKey = '__t' } = model.schema.options as { discriminatorKey?: string };
  // The other fields are left out, since validating a document casts all of it, also what has long been stored.
  const fields = named.map((path) => path.split('.')[0] as string);
  const touched = [...fields, discriminatorKey].filter((name) => Object.hasOwn(document, name));
  const part = Object.fromEntries(touched.map((name) => [name, document[name]]));
  const { validate: check } = model as unknown as { validate(...args: unknown[]): Promise<unknown> };
  await check.call(model, part, [...new Set(named)], document);
}

async function replace(
  committer: Committer,
  { id }: EnrichTarget,
  compute: Merge,
  chronos: ChronosWriteOptions,
  options: DriverOptions,
): Promise<SystemFields | undefined> {
  const { matched, system } = await committer.write({
    kind: 'update',
    method: 'replaceOne',
    op: 'ENRICH',
    filter: { _id: { $eq: id as never } },
    change: { form: 'computed', compute },
    chronos,
    options,
  });
  if (matched === 0) throw new NotFoundError(committer.store.head.collectionName, id);
  return system;
}

/** Puts a deleted document back, with its own id in the place of its record's. */
async function bringBack(
  committer: Committer,
  { bytes, system }: StoredVersion,
  merged: Map<string, unknown>,
  chronos: ChronosWriteOptions,
  options: DriverOptions,
): Promise<SystemFields | undefined> {
  const key = topLevel(committer.store.bson, bytes, '_id') as ExactDocument;
  const id = fieldOf(key, 'id');
  const document = new Map([...merged, ['_id', id]]);
  const insert = { kind: 'insert', op: 'ENRICH', id, document, repeats: system.ov, chronos, options } as const;
  return (await committer.insert(insert)).system;
}
