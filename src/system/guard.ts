import { UnversionedWriteError } from '../errors.ts';
import type { RawDocument } from '../types.ts';
import { operatorOf } from './hide.ts';

/** A document as the driver would send it, on its way into the collection: a copy without any `_system` of the caller's. */
export function withoutSystem(document: unknown): RawDocument | Map<string, unknown> {
  const plain = asSent(document);
  if (plain instanceof Map) return new Map([...plain].filter(([key]) => key !== '_system'));
  const copy: RawDocument = {};
  for (const key in plain) {
    if (key === '__proto__') Object.defineProperty(copy, key, { value: plain[key], enumerable: true });
    else if (key !== '_system') copy[key] = plain[key];
  }
  return copy;
}

/** Mongoose hands over documents at some places, and the driver serializes what their `toBSON` gives. */
export function asSent(document: unknown): RawDocument | Map<string, unknown> {
  const { toBSON } = document as { toBSON?: () => unknown };
  return (typeof toBSON === 'function' ? toBSON.call(document) : document) as RawDocument | Map<string, unknown>;
}

/** Refuses an update that would write the bookkeeping itself, by whatever operator. */
export function refuseSystemInOperators(collection: string, update: RawDocument): void {
  for (const [operator, fields] of Object.entries(update)) {
    if (isSystemPath(operator)) throw refusal(collection, operator);
    if (typeof fields !== 'object' || fields === null) continue;
    for (const [path, value] of Object.entries(fields)) {
      if (isSystemPath(path)) throw refusal(collection, path);
      if (operator === '$rename' && typeof value === 'string' && isSystemPath(value)) throw refusal(collection, value);
    }
  }
}

/** Refuses a pipeline update with a stage that names the bookkeeping. Stages that replace the document keep it anyway. */
export function refuseSystemInPipeline(collection: string, stages: readonly RawDocument[]): void {
  for (const stage of stages) {
    const operator = operatorOf(stage);
    const fields = stage[operator];
    const paths = operator === '$unset' ? [fields].flat() : Object.keys(isRecord(fields) ? fields : {});
    for (const path of paths) if (typeof path === 'string' && isSystemPath(path)) throw refusal(collection, path);
  }
}

function isSystemPath(path: string): boolean {
  return path === '_system' || path.startsWith('_system.');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refusal(collection: string, path: string): UnversionedWriteError {
  return new UnversionedWriteError({
    collection,
    message: `Cannot write "${path}" in ${collection}: _system is kept by the library. Leave it out; actor and reason go into the option { chronos: { actor, reason } }`,
  });
}
