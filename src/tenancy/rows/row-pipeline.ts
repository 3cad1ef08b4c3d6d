import type { RawDocument } from '../../types.ts';
import { refusal } from './refusal.ts';
import { storedSort } from './row-options.ts';
import type { TenantRows } from './tenant-rows.ts';

/** What the same tenant has of another collection; undefined where it has no part of it. */
export type Neighbours = (collection: string) => TenantRows | undefined;

type Pipeline = readonly RawDocument[];

/** Stages that see the documents before them and nothing else. Those that are not known are refused. */
const OF_DOCUMENTS = new Set([
  '$match',
  '$project',
  '$addFields',
  '$set',
  '$unset',
  '$group',
  '$sort',
  '$limit',
  '$skip',
  '$unwind',
  '$count',
  '$sortByCount',
  '$bucket',
  '$bucketAuto',
  '$replaceRoot',
  '$replaceWith',
  '$redact',
  '$sample',
  '$setWindowFields',
  '$densify',
  '$fill',
]);

/** From here on documents are as the app knows them. */
const SHOW: RawDocument = { $set: { _id: '$_id.id' } };

/** Turns pipelines of a tenant's into ones over what is stored, which see nothing of anybody else. */
export class RowPipelines {
  readonly #rows: TenantRows;
  readonly #neighbours: Neighbours;

  constructor(rows: TenantRows, neighbours: Neighbours) {
    this.#rows = rows;
    this.#neighbours = neighbours;
  }

  /** What limits and orders documents comes first, where there are indexes; all other stages follow as they are. */
  of(pipeline: Pipeline, rows = this.#rows): RawDocument[] {
    const [first] = pipeline;
    if (first !== undefined && operatorOf(first) === '$geoNear') {
      const { query, ...near } = first.$geoNear as RawDocument;
      const own = { $geoNear: { ...near, query: rows.filter(query as RawDocument) } };
      return [own, SHOW, ...this.#stages(pipeline.slice(1))];
    }
    const matches = leading(pipeline, (operator) => operator === '$match');
    const ordering = leading(pipeline.slice(matches.length), (operator) => ORDERING.has(operator));
    return [
      { $match: rows.filter(allOf(matches)) },
      ...ordering.map((stage) => ('$sort' in stage ? { $sort: storedSort(stage.$sort) } : stage)),
      SHOW,
      ...this.#stages(pipeline.slice(matches.length + ordering.length)),
    ];
  }

  #stages(stages: Pipeline): RawDocument[] {
    return stages.flatMap((stage) => this.#stage(stage));
  }

  #stage(stage: RawDocument): RawDocument[] {
    const operator = operatorOf(stage);
    const argument = stage?.[operator];
    if (OF_DOCUMENTS.has(operator)) return [stage];
    if (operator === '$lookup') return this.#lookup(argument as Lookup);
    if (operator === '$graphLookup') return this.#graphLookup(argument as GraphLookup);
    if (operator === '$unionWith') return [{ $unionWith: this.#union(argument as Union | string) }];
    if (operator === '$facet') return [{ $facet: this.#facets(argument as Readonly<Record<string, Pipeline>>) }];
    throw refusal(this.#rows.tenantId, `aggregate by the stage ${operator}`, cureOf(operator));
  }

  #facets(facets: Readonly<Record<string, Pipeline>>): RawDocument {
    return Object.fromEntries(Object.entries(facets).map(([name, stages]) => [name, this.#stages(stages)]));
  }

  #union(union: Union | string): RawDocument {
    const { coll, pipeline = [], ...rest } = typeof union === 'string' ? { coll: union } : union;
    return { ...rest, coll, pipeline: this.of(pipeline, this.#own(coll)) };
  }

  /**
   * By its own index an id is found only as it is stored, so those to join by are turned into that first. What is
   * joined is shown afterwards if it can be: as of the past, a join by fields takes no stage but `$match`.
   */
  #lookup({ from, localField, foreignField, pipeline = [], as, ...rest }: Lookup): RawDocument[] {
    const target = this.#own(from);
    if (localField === undefined || foreignField === undefined) {
      return [{ $lookup: { from, ...rest, pipeline: this.of(pipeline, target), as } }];
    }
    const isFiltered = pipeline.every((stage) => operatorOf(stage) === '$match');
    const inner = isFiltered ? [{ $match: target.filter(allOf(pipeline)) }] : this.of(pipeline, target);
    const byId = foreignField === '_id';
    const fields = byId ? { localField: LOCAL, foreignField } : { localField, foreignField: storedPath(foreignField) };
    return [
      ...(byId ? [{ $set: { [LOCAL]: storedIdsOf(target, localField) } }] : []),
      { $lookup: { from, ...fields, ...rest, pipeline: inner, as } },
      ...(byId ? [{ $unset: LOCAL }] : []),
      ...(isFiltered ? [showJoined(as)] : []),
    ];
  }

  #graphLookup({ from, connectFromField, connectToField, restrictSearchWithMatch, as, ...rest }: GraphLookup) {
    const target = this.#own(from);
    const own = {
      connectFromField: storedPath(connectFromField),
      connectToField: storedPath(connectToField),
      restrictSearchWithMatch: target.filter(restrictSearchWithMatch),
    };
    return [{ $graphLookup: { from, ...rest, ...own, as } }, showJoined(as)];
  }

  #own(collection: unknown): TenantRows {
    const rows = typeof collection === 'string' ? this.#neighbours(collection) : undefined;
    if (rows !== undefined) return rows;
    const name = typeof collection === 'string' ? collection : 'what has no name';
    throw refusal(this.#rows.tenantId, `join ${name}`, 'Only collections of entities with a tenantField can be joined');
  }
}

interface Lookup extends RawDocument {
  readonly from?: string;
  readonly localField?: string;
  readonly foreignField?: string;
  readonly pipeline?: Pipeline;
  readonly as: string;
}

interface GraphLookup extends RawDocument {
  readonly from: string;
  readonly connectFromField: string;
  readonly connectToField: string;
  readonly restrictSearchWithMatch?: RawDocument;
  readonly as: string;
}

interface Union {
  readonly coll?: string;
  readonly pipeline?: Pipeline;
}

const ORDERING = new Set(['$sort', '$limit', '$skip', '$sample']);

/** Where a join keeps the ids it joins by. */
const LOCAL = '_chronosLocal';

/** What a stage does. One of several operators, which the server refuses, does nothing that is known. */
function operatorOf(stage: RawDocument): string {
  return Object.keys(stage ?? {}).join(' and ');
}

function storedPath(path: string): string {
  return path === '_id' || path.startsWith('_id.') ? `_id.id${path.slice(3)}` : path;
}

/** The ids at a path, one or a list of them, as they are stored. */
function storedIdsOf(rows: TenantRows, path: string): RawDocument {
  const ids = `$${path}`;
  const each = { $map: { input: ids, as: 'id', in: rows.storedIdOf('$$id') } };
  return { $cond: [{ $isArray: ids }, each, rows.storedIdOf({ $ifNull: [ids, null] })] };
}

function showJoined(as: string): RawDocument {
  const shown = { $mergeObjects: ['$$joined', { _id: '$$joined._id.id' }] };
  return { $set: { [as]: { $map: { input: `$${as}`, as: 'joined', in: shown } } } };
}

function leading(pipeline: Pipeline, is: (operator: string) => boolean): Pipeline {
  const end = pipeline.findIndex((stage) => !is(operatorOf(stage)));
  return end === -1 ? pipeline : pipeline.slice(0, end);
}

function allOf(matches: Pipeline): RawDocument {
  const filters = matches.map((stage) => stage.$match as RawDocument);
  return filters.length > 1 ? { $and: filters } : (filters[0] ?? {});
}

function cureOf(operator: string): string {
  if (operator === '$out' || operator === '$merge') return 'Read the result, and write it with insertMany or bulkWrite';
  return operator === '$geoNear' ? 'Let it be the first stage' : 'Leave it out';
}

/**
 * Only the tenant's own changes, told as the app knows its documents. Events of the collection as a whole are nobody's.
 */
export function storedWatch(rows: TenantRows, pipeline: Pipeline): RawDocument[] {
  const { t } = rows.storedId(null);
  const images = ['fullDocument', 'fullDocumentBeforeChange'].map((name) => [name, shownImage(name)]);
  return [
    { $match: { 'documentKey._id.t': { $eq: t } } },
    {
      $set: {
        documentKey: { $mergeObjects: ['$documentKey', { _id: '$documentKey._id.id' }] },
        ...Object.fromEntries(images),
      },
    },
    ...pipeline,
  ];
}

function shownImage(name: string): RawDocument {
  const shown = { $mergeObjects: [`$${name}`, { _id: `$${name}._id.id` }] };
  return { $cond: [{ $eq: [{ $type: `$${name}` }, 'object'] }, shown, `$${name}`] };
}
