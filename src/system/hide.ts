import type { RawDocument } from '../types.ts';

/**
 * The projection that returns what the given one returns, less `_system`.
 *
 * A key of value 0 may be added only where the server classes a projection as an exclusion: every key excludes, or is
 * `$slice` or `$meta`. Anything else includes, and then `_system` comes only if it is named.
 * https://www.mongodb.com/docs/manual/reference/operator/aggregation/project/
 */
export function hideInProjection(projection: RawDocument | undefined | null): RawDocument {
  if (projection === undefined || projection === null) return { _system: 0 };
  return isExclusion(projection) && !namesSystem(projection) ? { ...projection, _system: 0 } : projection;
}

export function isExclusion(projection: RawDocument): boolean {
  const entries = Object.entries(projection);
  const decisive = entries.filter(([key]) => key !== '_id');
  if (decisive.length === 0) return entries.every(([, value]) => isZero(value));
  return decisive.every(([key, value]) => !key.endsWith('.$') && (isZero(value) || isNeutral(value)));
}

function isZero(value: unknown): boolean {
  return value === 0 || value === false || (isTyped(value) && Number(value) === 0);
}

function isTyped(value: unknown): boolean {
  return typeof value === 'object' && value !== null && '_bsontype' in value;
}

function isNeutral(value: unknown): boolean {
  if (!isRecord(value) || isTyped(value)) return false;
  const keys = Object.keys(value);
  // { sub: { a: 0 } } says the same as { 'sub.a': 0 }.
  if (!keys.some((key) => key.startsWith('$'))) {
    return keys.length > 0 && Object.values(value).every((inner) => isZero(inner) || isNeutral(inner));
  }
  return keys.length === 1 && (keys[0] === '$slice' || keys[0] === '$meta') && !isAggregationSlice(value);
}

/** `{ $slice: ['$field', 3] }` is an expression; `{ $slice: 3 }` and `{ $slice: [1, 3] }` are the find operator. */
export function isAggregationSlice(value: object): boolean {
  const slice: unknown = '$slice' in value ? value.$slice : undefined;
  return Array.isArray(slice) && typeof slice[0] !== 'number';
}

function namesSystem(projection: RawDocument): boolean {
  return Object.keys(projection).some((key) => key === '_system' || key.startsWith('_system.'));
}

/** Stages that neither change a document's shape nor show it, so that what follows them sees what they saw. */
const TRANSPARENT = new Set(['$match', '$sort', '$skip', '$limit', '$geoNear', '$search', '$sample']);
/** Stages that build new documents: `_system` gets through them only by name, or with all of `$$ROOT`. */
const REBUILDING = new Set(['$group', '$count', '$sortByCount', '$bucket', '$bucketAuto']);
/** Stages that return no documents of the collection. */
const FOREIGN = new Set(['$collStats', '$indexStats', '$planCacheStats', '$changeStream', '$listSampledQueries']);

/**
 * The pipeline that gives what the given one gives on documents without `_system`. The field is dropped as late as
 * possible: at the start it would keep the server from using an index for a sort.
 *
 * @param isVersioned tells of a collection name whether its documents carry `_system`
 */
export function hideInPipeline(
  pipeline: readonly RawDocument[],
  isVersioned: (collection: string) => boolean,
): RawDocument[] {
  const cut = pipeline.findIndex((stage) => !TRANSPARENT.has(operatorOf(stage)));
  const rest = (cut === -1 ? [] : pipeline.slice(cut)).flatMap((stage) => hideInJoin(stage, isVersioned));
  const leading = cut === -1 ? [...pipeline] : pipeline.slice(0, cut);
  return needsUnset(rest) ? [...leading, { $unset: '_system' }, ...rest] : [...leading, ...rest];
}

function needsUnset(rest: readonly RawDocument[]): boolean {
  const next = rest[0];
  if (next === undefined) return true;
  const operator = operatorOf(next);
  if (FOREIGN.has(operator)) return false;
  return !(REBUILDING.has(operator) && !mentionsSystem(next[operator]));
}

function mentionsSystem(value: unknown): boolean {
  if (typeof value === 'string') return /^\$\$(ROOT|CURRENT)\b|^\$_system\b/.test(value);
  if (Array.isArray(value)) return value.some(mentionsSystem);
  if (typeof value !== 'object' || value === null || isTyped(value)) return false;
  return Object.values(value).some(mentionsSystem);
}

/** Joins bring in documents of other collections, with their `_system`. */
function hideInJoin(stage: RawDocument, isVersioned: (collection: string) => boolean): RawDocument[] {
  const operator = operatorOf(stage);
  const join = stage[operator];
  if (operator === '$facet' && isRecord(join)) {
    const facets = Object.entries(join).map(([name, inner]) => [name, hideInJoins(inner, isVersioned)]);
    return [{ $facet: Object.fromEntries(facets) }];
  }
  if (operator === '$unionWith') {
    const { coll, pipeline = [] } = (isRecord(join) ? join : { coll: join }) as {
      coll: string;
      pipeline?: RawDocument[];
    };
    return isVersioned(coll) ? [{ $unionWith: { coll, pipeline: hideInPipeline(pipeline, isVersioned) } }] : [stage];
  }
  if (!isRecord(join) || typeof join.from !== 'string' || !isVersioned(join.from)) return [stage];
  if (operator === '$lookup') {
    const inner = (join.pipeline ?? []) as RawDocument[];
    return [{ $lookup: { ...join, pipeline: hideInPipeline(inner, isVersioned) } }];
  }
  return operator === '$graphLookup' ? [stage, { $unset: `${String(join.as)}._system` }] : [stage];
}

function hideInJoins(pipeline: unknown, isVersioned: (collection: string) => boolean): unknown {
  return Array.isArray(pipeline) ? pipeline.flatMap((stage: RawDocument) => hideInJoin(stage, isVersioned)) : pipeline;
}

export function operatorOf(stage: RawDocument): string {
  return Object.keys(stage ?? {})[0] ?? '';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
