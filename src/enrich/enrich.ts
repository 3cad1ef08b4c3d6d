import type { Model } from 'mongoose';
import { decodeExact, equalsIgnoring } from '../bson/exact.ts';
import type { DriverOptions } from '../commit/captured-write.ts';
import type { Committer } from '../commit/committer.ts';
import { entriesOf } from '../commit/version-record.ts';
import { ConfigError, NotFoundError } from '../errors.ts';
import { contentOf, storedHead } from '../history/document-history.ts';
import type { ChronosWriteOptions, RawDocument } from '../types.ts';
import { deepMerge } from './deep-merge.ts';

/**
 * Merges patches into a document, in their order, as one version. The merge is worked out from the document that the
 * same transaction replaces, so that enrichments made at the same time all take effect.
 *
 * @throws NotFoundError, or Mongoose's own CastError and ValidationError for what the schema does not allow
 */
export async function enrichDocument(
  model: Model<unknown>,
  committer: Committer,
  id: unknown,
  patches: readonly RawDocument[],
  chronos: ChronosWriteOptions,
  options: DriverOptions,
): Promise<void> {
  const { store } = committer;
  if (patches.length === 0) {
    throw new ConfigError({
      message: `Cannot enrich ${model.modelName} with no patch: expected an object or an array of at least one`,
    });
  }
  const cast = patches.map((patch) => castPatch(model, patch));
  await validateMerged(model, committer, id, cast, options);
  const outcome = await committer.write({
    kind: 'update',
    method: 'replaceOne',
    op: 'ENRICH',
    filter: { _id: { $eq: id as never } },
    change: { form: 'computed', compute: (current) => merged(committer, model, current, cast, chronos) },
    chronos,
    options,
  });
  if (outcome.matched === 0) throw new NotFoundError(store.head.collectionName, id);
}

/** The merged document, or undefined where the patches add nothing and no function wants it on record that it ran. */
function merged(
  { store }: Committer,
  model: Model<unknown>,
  current: Uint8Array,
  patches: readonly RawDocument[],
  chronos: ChronosWriteOptions,
): Map<string, unknown> | undefined {
  const before = new Map(entriesOf(decodeExact(store.bson, current)));
  const after = new Map(entriesOf(patches.reduce(deepMerge, Object.fromEntries(before)) as RawDocument));
  const same = equalsIgnoring(current, store.bson.serialize(after), '_system');
  if (same && chronos.functionId === undefined) return undefined;
  const { updatedAt } = timestampsOf(model);
  if (updatedAt !== undefined) after.set(updatedAt, store.clock.now());
  after.delete('_system');
  return after;
}

function castPatch(model: Model<unknown>, patch: RawDocument): RawDocument {
  const { _id, _system, ...fields } = patch;
  return model.castObject(fields) as RawDocument;
}

/** Checks what the patches touch, on the document as it would be. */
async function validateMerged(
  model: Model<unknown>,
  { store }: Committer,
  id: unknown,
  patches: readonly RawDocument[],
  options: DriverOptions,
): Promise<void> {
  const head = await storedHead(store, id, options.session ?? undefined);
  if (head === undefined) throw new NotFoundError(store.head.collectionName, id);
  const document = patches.reduce(deepMerge, contentOf(store, head)) as RawDocument;
  const paths = [...new Set(patches.flatMap((patch) => Object.keys(patch)))];
  await model.validate(document as never, paths);
}

function timestampsOf(model: Model<unknown>): { updatedAt?: string } {
  const { $timestamps } = model.schema as unknown as { $timestamps?: { updatedAt?: string } };
  return $timestamps ?? {};
}
