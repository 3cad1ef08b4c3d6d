import { ReadOnlyVersionError } from '../errors.ts';
import type { Point } from './instant.ts';

interface Origin {
  readonly model: string;
  /** What the document refers to is read as of this instant too. */
  readonly at: Point;
}

const origins = new WeakMap<object, Origin>();

/** An instant at which documents from before their history was kept are current, and no others. */
const BEFORE_ALL_HISTORY = new Date('0000-01-01T00:00:00Z');

/** Marks a document as one of the past: it can be read in every way, and saved in none. */
export function markPast<D extends object>(document: D, model: string, at: Point | undefined): D {
  origins.set(document, { model, at: at ?? BEFORE_ALL_HISTORY });
  return document;
}

/** The instant a document was read as of; undefined for a current one. */
export function instantOfDocument(document: unknown): Point | undefined {
  return typeof document === 'object' && document !== null ? origins.get(document)?.at : undefined;
}

export function refusePast(document: object, operation: string): void {
  const model = origins.get(document)?.model;
  if (model !== undefined) throw new ReadOnlyVersionError(model, operation);
}
