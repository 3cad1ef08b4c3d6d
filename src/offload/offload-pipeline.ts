import { ConfigError } from '../errors.ts';
import { uncovered, WHOLE_DOCUMENT } from '../payload/covered-by.ts';
import type { KeptPart } from '../payload/kept-part.ts';
import { isPlainObject } from '../plain-object.ts';
import { isExclusion, operatorOf } from '../system/hide.ts';
import type { RawDocument } from '../types.ts';
import type { KeptPaths } from './kept-paths.ts';
import { pathsOfExpression, pathsOfFilter, pathsOfSort } from './needed-paths.ts';

/** What a collection keeps in MongoDB; undefined for one whose documents are all whole there. */
export type KeptOf = (collection: string) => KeptPaths | undefined;

/** What comes out of a pipeline: documents as they are in MongoDB, or values that were made of them. */
export type PipelineResult = 'documents' | 'values';

/**
 * Checks that a pipeline reads nothing but what stays in MongoDB, up to the stage that makes values of the documents.
 *
 * @returns whether documents come out, which have to be fetched
 * @throws ConfigError naming the stage and the path, and what to do
 */
export function checkPipeline(
  collection: string,
  pipeline: readonly RawDocument[],
  keptOf: (collection: string) => KeptPart | undefined,
  result: PipelineResult = 'documents',
): PipelineResult {
  const check = new PipelineCheck(collection, keptOf, result);
  for (const stage of pipeline) check.pass(stage);
  return check.result();
}

/**
 * The same, once it is known what the rows of the collections have that it reads.
 *
 * @throws ConfigError
 */
export async function checkPipelineOnceKnown(
  collection: string,
  pipeline: readonly RawDocument[],
  keptOf: KeptOf,
): Promise<void> {
  const met = new Set<KeptPaths>();
  checkPipeline(collection, pipeline, (name) => {
    const kept = keptOf(name);
    if (kept !== undefined) met.add(kept);
    return kept;
  });
  await Promise.all([...met].map((kept) => kept.known()));
  checkPipeline(collection, pipeline, keptOf);
}

/** Stages that let documents through as they are. */
const TRANSPARENT = new Set(['$match', '$sort', '$skip', '$limit', '$sample']);
/** Stages that read no documents of the collection. */
const FOREIGN = new Set(['$collStats', '$indexStats', '$planCacheStats', '$changeStream', '$listSampledQueries']);
/** Stages that make something new, of which nothing else is left. */
const REBUILDING = new Set([
  '$group',
  '$bucket',
  '$bucketAuto',
  '$sortByCount',
  '$count',
  '$facet',
  '$replaceRoot',
  '$replaceWith',
]);

class PipelineCheck {
  readonly #collection: string;
  readonly #keptOf: (collection: string) => KeptPart | undefined;
  readonly #kept: KeptPart | undefined;
  /** Fields that the pipeline has added. */
  readonly #made = new Set<string>();
  #result: PipelineResult;
  #alteredBy: string | undefined;

  constructor(collection: string, keptOf: (collection: string) => KeptPart | undefined, result: PipelineResult) {
    this.#collection = collection;
    this.#keptOf = keptOf;
    this.#kept = keptOf(collection);
    this.#result = this.#kept === undefined ? 'values' : result;
  }

  pass(stage: RawDocument): void {
    const operator = operatorOf(stage);
    const value = stage[operator];
    this.#joins(operator, value);
    if (this.#result === 'documents') this.#documents(operator, value);
  }

  result(): PipelineResult {
    if (this.#result === 'values' || this.#alteredBy === undefined) return this.#result;
    throw new ConfigError({
      message: `Cannot return whole documents of ${this.#collection} from a pipeline with ${this.#alteredBy}: the server does not have their payload, which is in object storage. End it with a $project or $group of indexed fields, or read with find()`,
    });
  }

  #documents(operator: string, value: unknown): void {
    if (operator === '$facet') this.#facet(value as Readonly<Record<string, readonly RawDocument[]>>);
    else this.#require(operator, pathsRead(operator, value));
    for (const path of fieldsMade(operator, value)) this.#made.add(path);
    if (TRANSPARENT.has(operator)) return;
    // A projection that names what is to be there leaves nothing else; one that names what is not leaves the rest.
    const rebuilds = REBUILDING.has(operator) || (operator === '$project' && !isExclusion(value as RawDocument));
    if (rebuilds || FOREIGN.has(operator)) this.#result = 'values';
    else this.#alteredBy ??= operator;
  }

  #facet(facets: Readonly<Record<string, readonly RawDocument[]>>): void {
    for (const stages of Object.values(facets)) {
      const inner = checkPipeline(this.#collection, stages, this.#keptOf);
      if (inner === 'documents') this.#require('$facet', [WHOLE_DOCUMENT]);
    }
  }

  /** What a pipeline brings in of other collections cannot be fetched: it must not be more than they have in MongoDB. */
  #joins(operator: string, value: unknown): void {
    if (operator !== '$lookup' && operator !== '$unionWith' && operator !== '$graphLookup') return;
    const join = (typeof value === 'string' ? { coll: value } : value) as Lookup;
    const from = join.from ?? join.coll;
    if (typeof from !== 'string' || this.#keptOf(from) === undefined) return;
    const result = operator === '$graphLookup' ? 'documents' : checkPipeline(from, join.pipeline ?? [], this.#keptOf);
    if (join.foreignField !== undefined) requireCovered(from, this.#keptOf(from), operator, [join.foreignField]);
    if (result === 'documents') requireCovered(from, this.#keptOf(from), operator, [WHOLE_DOCUMENT]);
  }

  #require(operator: string, paths: readonly string[]): void {
    const own = paths.filter((path) => ![...this.#made].some((made) => path === made || path.startsWith(`${made}.`)));
    requireCovered(this.#collection, this.#kept, operator, own);
  }
}

/** Paths that stages name as such: `$geoNear` filters, `$setWindowFields` and `$fill` sort, `$densify` has a field. */
function pathsNamed(value: unknown): readonly string[] {
  if (!isPlainObject(value)) return [];
  const { query, sortBy, field, key } = value;
  const named = [field, key].filter((path) => typeof path === 'string');
  return [...(isPlainObject(query) ? pathsOfFilter(query) : []), ...pathsOfSort(sortBy), ...named];
}

interface Lookup {
  readonly from?: unknown;
  readonly coll?: string;
  readonly localField?: string;
  readonly foreignField?: string;
  readonly let?: RawDocument;
  readonly pipeline?: readonly RawDocument[];
  readonly as: string;
}

/** The paths of the documents that a stage reads. */
function pathsRead(operator: string, value: unknown): readonly string[] {
  switch (operator) {
    case '$match':
      return pathsOfFilter(value as RawDocument);
    case '$sort':
      return pathsOfSort(value);
    case '$project':
      return isExclusion(value as RawDocument) ? [] : Object.entries(value as RawDocument).flatMap(pathsProjected);
    case '$lookup': {
      const { localField, let: variables = {} } = value as Lookup;
      return [...(localField === undefined ? [] : [localField]), ...pathsOfExpression(variables)];
    }
    case '$count':
    case '$unset':
      return [];
    case '$out':
    case '$merge':
      return [WHOLE_DOCUMENT];
    default:
      return [...pathsOfExpression(value), ...pathsNamed(value)];
  }
}

/** The fields that a stage adds. */
function fieldsMade(operator: string, value: unknown): readonly string[] {
  if (operator === '$set' || operator === '$addFields') return Object.keys(value as object);
  return operator === '$lookup' || operator === '$graphLookup' ? [(value as Lookup).as] : [];
}

/** `{ a: { b: 1 } }` says the same as `{ 'a.b': 1 }`; what is no number is an expression. */
function pathsProjected([path, value]: [string, unknown]): readonly string[] {
  if (typeof value === 'number' || typeof value === 'boolean') return Number(value) === 0 ? [] : [path];
  const isNested = isPlainObject(value) && !Object.keys(value).some((key) => key.startsWith('$'));
  if (!isNested) return pathsOfExpression(value);
  return Object.entries(value).flatMap(([key, inner]) => pathsProjected([`${path}.${key}`, inner]));
}

/** @throws ConfigError for a path that MongoDB does not have of all documents, whatever the state of those there are */
export function requireCovered(
  collection: string,
  kept: KeptPart | KeptPaths | undefined,
  operation: string,
  paths: readonly string[],
): void {
  if (kept === undefined) return;
  const asked = paths.map(withoutPositions);
  const [path] = uncovered(kept, asked);
  if (path === undefined) return;
  const what = path === WHOLE_DOCUMENT ? 'whole documents' : JSON.stringify(path);
  if ('own' in kept && uncovered(kept.own, [path]).length === 0)
    throw lacking(`${operation} by ${what} of ${collection}`, kept);
  const cure = path === WHOLE_DOCUMENT ? 'Name the fields that are needed' : `Add ${what} to indexed`;
  throw new ConfigError({
    message: `Cannot ${operation} by ${what} of ${collection}: it is in object storage, where the server cannot look. ${cure}, or read the documents and look yourself`,
  });
}

function lacking(operation: string, kept: KeptPaths): ConfigError {
  // Another process may have seen to it meanwhile: then the next call finds it.
  kept.refresh().catch(() => undefined);
  return new ConfigError({
    message: `Cannot ${operation}: documents that had left MongoDB before it was to stay there lack it. Call Model.adopt(), once all processes have the same options, which brings it back`,
  });
}

/** Positions in lists are in what stays as they are in the whole. */
export function withoutPositions(path: string): string {
  if (path === WHOLE_DOCUMENT) return path;
  const names = path.split('.').filter((name) => !/^\d+$/.test(name));
  return names.length === 0 ? path : names.join('.');
}
