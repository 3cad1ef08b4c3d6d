import { findElement } from '../bson/elements.ts';
import { withElement, withoutField } from '../bson/rebuild.ts';
import { ConfigError } from '../errors.ts';
import { coveredBy, projectionPaths } from '../payload/covered-by.ts';
import type { KeptPart } from '../payload/kept-part.ts';
import { isProcessed } from '../system/bookkeeping.ts';
import { hideInProjection, isAggregationSlice, isExclusion } from '../system/hide.ts';
import type { RawDocument } from '../types.ts';
import type { Finish } from './finishing-cursor.ts';
import type { PresentRow } from './present-row.ts';
import { type PlainProjection, plainProjection, projected } from './project.ts';

/** How a read is carried out on documents of which some may be in MongoDB only in part. */
export interface ReadPlan {
  /** What the server is asked for. */
  readonly projection: RawDocument | undefined;
  /** Makes of its answer what the caller asked for; undefined where that is the same. */
  readonly finish: Finish | undefined;
}

/** What a plan takes to be carried out. */
export interface PlanContext {
  readonly kept: KeptPart;
  readonly collection: string;
  /** Undefined where the document is gone meanwhile. */
  readonly present: (row: Uint8Array) => Promise<PresentRow | undefined>;
  /** What the server gives of documents for a projection. */
  readonly project: (documents: readonly Uint8Array[], projection: RawDocument) => Promise<readonly Uint8Array[]>;
}

/**
 * 1. A projection of nothing but what stays in MongoDB is the server's alone, and costs no object read.
 * 2. For any other, a document that is whole in MongoDB is projected there. Of the others only the bookkeeping is used:
 *    they are fetched, and projected afterwards.
 *
 * @param kept fields that the server adds to its answer, and that stay in it
 */
export function readPlan(
  context: PlanContext,
  projection: RawDocument | undefined,
  visible: boolean,
  kept: readonly string[] = [],
): ReadPlan {
  const asked = projection === undefined || Object.keys(projection).length === 0 ? undefined : projection;
  const isInline = asked === undefined ? coveredBy(context.kept, ['']) : isCovered(context.kept, asked);
  if (isInline) return { projection: visible ? projection : hideInProjection(projection), finish: undefined };
  if (asked === undefined) return { projection, finish: finishing(context, { visible, kept, project: undefined }) };
  refuseFindOperators(context.collection, asked);
  const own = Object.entries(asked).filter(([path]) => !isOfSystem(path));
  const named = Object.entries(asked).filter(([path]) => isOfSystem(path));
  const rest = Object.fromEntries(own);
  const excludes = isExclusion(rest);
  const shows = named.length === 0 ? visible && excludes : !named.every(([, value]) => isZero(value));
  const project = Object.keys(rest).length === 0 ? undefined : rest;
  const finish = finishing(context, { visible: shows, kept, project });
  // An expression may fail on what is not there: it is worked out when everything is.
  if (plainProjection(rest) === undefined) return { projection: undefined, finish };
  return { projection: excludes ? rest : { ...rest, _system: 1 }, finish };
}

/** What makes documents of rows that a pipeline has let through as they are. */
export function wholeFinish(context: PlanContext, visible: boolean): Finish {
  return finishing(context, { visible, kept: [], project: undefined });
}

function isOfSystem(path: string): boolean {
  return path === '_system' || path.startsWith('_system.');
}

function isZero(value: unknown): boolean {
  return value === 0 || value === false;
}

/** Operators on the fields that they name, which nothing but a find has. */
function isCovered(kept: KeptPart, projection: RawDocument): boolean {
  const named = Object.entries(projection).map(([path, value]): [string, unknown] => {
    return [path.replace(/\.\$$/, ''), isFindOperator(path, value) ? 1 : value];
  });
  return coveredBy(kept, projectionPaths(Object.fromEntries(named)));
}

function isFindOperator(path: string, value: unknown): boolean {
  if (path.endsWith('.$')) return true;
  if (typeof value !== 'object' || value === null) return false;
  return '$elemMatch' in value || '$meta' in value || ('$slice' in value && !isAggregationSlice(value));
}

function refuseFindOperators(collection: string, projection: RawDocument): void {
  for (const [path, value] of Object.entries(projection)) {
    if (!isFindOperator(path, value)) continue;
    throw new ConfigError({
      message: `Cannot select ${JSON.stringify(path)} of ${collection} by a positional operator, $elemMatch, $slice or $meta: the server does not have the whole documents, whose payload is in object storage. Add what is selected to indexed, or select whole fields`,
    });
  }
}

interface Finishing {
  readonly visible: boolean;
  readonly kept: readonly string[];
  readonly project: RawDocument | undefined;
}

function finishing(context: PlanContext, options: Finishing): Finish {
  const plain = options.project === undefined ? undefined : plainProjection(options.project);
  const projectsAll = options.project !== undefined && plain === undefined;
  return async (rows) => {
    const unfinished = rows.flatMap((row, index) => (projectsAll || isProcessed(row) ? [index] : []));
    if (unfinished.length === 0) return options.visible ? rows : rows.map((row) => withoutField(row, '_system'));
    const fetched = await Promise.all(unfinished.map((index) => context.present(rows[index]!)));
    const present = fetched.filter((one) => one !== undefined);
    const documents = present.map(({ document }) => document);
    const shown = (await projectedAll(context, documents, options.project, plain)).values();
    const byIndex = new Map(unfinished.map((index, position) => [index, fetched[position]]));
    return rows.flatMap((given, index) => {
      const isGone = byIndex.has(index) && byIndex.get(index) === undefined;
      if (isGone) return [];
      const row = byIndex.get(index)?.row ?? given;
      const full = byIndex.has(index) ? withFieldsOf(row, shown.next().value!, ['_system', ...options.kept]) : row;
      return [options.visible ? full : withoutField(full, '_system')];
    });
  };
}

async function projectedAll(
  context: PlanContext,
  documents: readonly Uint8Array[],
  projection: RawDocument | undefined,
  plain: PlainProjection | undefined,
): Promise<readonly Uint8Array[]> {
  if (projection === undefined || documents.length === 0) return documents;
  return plain === undefined
    ? context.project(documents, projection)
    : documents.map((document) => projected(document, plain));
}

/** A document with some fields as a row has them. */
function withFieldsOf(row: Uint8Array, document: Uint8Array, names: readonly string[]): Uint8Array {
  return names.reduce((made, name) => {
    const field = findElement(row, name);
    return field === undefined ? made : withElement(withoutField(made, name), row.subarray(field.start, field.end));
  }, document);
}
