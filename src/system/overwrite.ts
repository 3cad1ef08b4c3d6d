import type { mongo } from 'mongoose';
import type { RawDocument } from '../types.ts';

type Filter = mongo.Filter<RawDocument>;

/**
 * Puts a document as it is in the place of the one that is found. The server stores fields that begin with `$`, but
 * takes them in no replacement: there a pipeline says the same.
 */
export function overwrite(
  collection: mongo.Collection<RawDocument>,
  filter: Filter,
  document: RawDocument,
  options: mongo.ReplaceOptions,
): Promise<mongo.UpdateResult<RawDocument>> {
  return isReplacement(document)
    ? collection.replaceOne(filter, document, options)
    : collection.updateOne(filter, pipelineOf(document), options);
}

/** The same, as an operation of a bulk write. */
export function overwriting(filter: Filter, document: RawDocument): mongo.AnyBulkWriteOperation<RawDocument> {
  return isReplacement(document)
    ? { replaceOne: { filter, replacement: document } }
    : { updateOne: { filter, update: pipelineOf(document) } };
}

function isReplacement(document: RawDocument | Map<string, unknown>): boolean {
  const keys = document instanceof Map ? [...document.keys()] : Object.keys(document);
  return !keys.some((key) => key.startsWith('$'));
}

function pipelineOf(document: RawDocument): RawDocument[] {
  return [{ $replaceWith: { $literal: document } }];
}
