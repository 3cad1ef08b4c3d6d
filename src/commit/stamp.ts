import { ConfigError } from '../errors.ts';
import type { StoredSystem } from '../offload/store-first.ts';
import { drawIncarnation } from '../payload/incarnation.ts';
import type { ChronosWriteOptions, Op, SystemFields, VersionFields } from '../types.ts';

/** The longest provenance kept in `_system.functionIds`; the oldest entries leave first. */
const MAX_FUNCTION_IDS = 100;

/** What a commit says about the versions it makes: taken once per attempt, as late as possible. */
export interface Stamp {
  readonly op: Op;
  /** The version's date: the caller's own (`at`) or the clock's. */
  readonly at: Date;
  readonly options: ChronosWriteOptions;
  /** The version's number across the collection, where such are kept. */
  readonly cv?: number | undefined;
  /** Whether the version has a payload that is going to be stored. */
  readonly offloads?: boolean | undefined;
  /** What the version refers to, where its payload is stored already. */
  readonly stored?: StoredSystem | undefined;
  /** Whether the version takes the place of the one before it, of which nothing is kept. */
  readonly replaces?: boolean | undefined;
  /** The `ov` whose content a RESTORE repeats. */
  readonly restoredFrom?: number | undefined;
}

/** Per-version fields that must not survive into the next version. */
const PER_VERSION = [
  'op',
  'actor',
  'reason',
  'functionId',
  'restoredFrom',
  'opId',
  'cv',
  'gap',
  'sole',
  'payload',
  'blobs',
] as const;

/** Of those, what a version that replaces the one before it takes over: where the objects are that it may repeat. */
const TAKEN_OVER = ['sole', 'payload', 'blobs'] as const;

/** Where the history of an id ended before it is written again. */
export interface PastLife {
  readonly ov: number;
  readonly from: Date | undefined;
  readonly functionIds: string[] | undefined;
  /** True when the last version left no record, because something else than this library removed it. */
  readonly gap: boolean;
  /** The version up to which all content was erased. */
  readonly erased: number | undefined;
}

/** `_system` of a document that is inserted, be it for the first time or again under an id that lived before. */
export function insertedSystem(stamp: Stamp, past?: PastLife): SystemFields {
  const ov = past === undefined ? 0 : past.ov + 1;
  const at = notBefore(stamp, past?.from);
  return {
    ov,
    insertedAt: at,
    updatedAt: at,
    ...(past?.gap ? { gap: true } : {}),
    ...(stamp.replaces === true ? { sole: true } : {}),
    ...(past?.erased === undefined ? {} : { erased: past.erased }),
    ...(stamp.offloads === true ? { incarnation: stamp.stored?.incarnation ?? drawIncarnation() } : {}),
    ...perVersion(stamp, ov, past?.functionIds),
  };
}

/** `_system` of the version that follows `previous`. */
export function nextSystem(previous: SystemFields, stamp: Stamp): SystemFields {
  const ov = previous.ov + 1;
  return {
    ov,
    ...(previous.insertedAt === undefined ? {} : { insertedAt: previous.insertedAt }),
    updatedAt: notBefore(stamp, previous.updatedAt),
    ...(previous.erased === undefined ? {} : { erased: previous.erased }),
    ...(previous.incarnation === undefined ? {} : { incarnation: previous.incarnation }),
    ...(stamp.replaces === true ? { gap: true, ...takenOver(previous) } : {}),
    ...perVersion(stamp, ov, previous.functionIds),
  };
}

/**
 * The same as {@link nextSystem} told to the server as update operators, for writes that do not read first. They cannot
 * tell it to collect a `functionId`, whose list is bounded.
 */
export function nextSystemOperators(stamp: Stamp): Record<string, Record<string, unknown>> {
  const replaces = stamp.replaces === true;
  const set = prefixed({ ...perVersionFields(stamp, 1), ...(replaces ? { gap: true } : {}) });
  const dropped = PER_VERSION.filter((field) => !(replaces && (TAKEN_OVER as readonly string[]).includes(field)));
  const unset = dropped.map((field) => `_system.${field}`).filter((path) => !(path in set));
  const explicit = stamp.options.at !== undefined;
  return {
    $inc: { '_system.ov': 1 },
    ...(explicit ? {} : { $max: { '_system.updatedAt': stamp.at } }),
    $set: explicit ? { ...set, '_system.updatedAt': stamp.at } : set,
    $unset: Object.fromEntries(unset.map((path) => [path, 1])),
  };
}

function takenOver(previous: SystemFields): Partial<SystemFields> {
  return Object.fromEntries(TAKEN_OVER.flatMap((field) => (field in previous ? [[field, previous[field]]] : [])));
}

/** When the version that follows `previous` becomes current: never before `previous` did. */
export function successorFrom(previous: SystemFields, stamp: Stamp): Date {
  return notBefore(stamp, previous.updatedAt);
}

/** The last record of a deleted document: who removed it, when and why. It carries no content and has no `until`. */
export function tombstone(previous: SystemFields, stamp: Stamp): VersionFields {
  const next = nextSystem(previous, { ...stamp, offloads: false, stored: undefined });
  const deletedAt = next.updatedAt ?? stamp.at;
  return { ...next, deleted: true, deletedAt };
}

/** The one record of an erased document: who erased it, when and why. It repeats nothing of what was before. */
export function proofOfErasure({ ov: last, from }: Pick<PastLife, 'ov' | 'from'>, stamp: Stamp): VersionFields {
  const ov = last + 1;
  const at = notBefore(stamp, from);
  return { ov, updatedAt: at, ...perVersionFields(stamp, ov), erased: ov, deleted: true, deletedAt: at };
}

function notBefore(stamp: Stamp, previous: Date | undefined): Date {
  if (previous === undefined || previous <= stamp.at) return stamp.at;
  if (stamp.options.at === undefined) return previous;
  throw new ConfigError({
    message: `Cannot write a version dated ${stamp.at.toISOString()}: the document's last version is from ${previous.toISOString()}. Import versions in the order of their dates`,
  });
}

function perVersion(stamp: Stamp, ov: number, functionIds: string[] | undefined): Partial<SystemFields> {
  const { functionId } = stamp.options;
  const collected = functionId === undefined ? functionIds : appended(functionIds ?? [], functionId);
  return { ...perVersionFields(stamp, ov), ...(collected === undefined ? {} : { functionIds: collected }) };
}

function perVersionFields(stamp: Stamp, ov: number): Partial<SystemFields> {
  const { actor, reason, functionId, opId } = stamp.options;
  return {
    ...(stamp.cv === undefined ? {} : { cv: stamp.cv }),
    ...payloadFields(stamp),
    ...(stamp.op === impliedOp(ov) ? {} : { op: stamp.op }),
    ...(actor === undefined ? {} : { actor }),
    ...(reason === undefined ? {} : { reason }),
    ...(functionId === undefined ? {} : { functionId }),
    ...(opId === undefined ? {} : { opId }),
    ...(stamp.restoredFrom === undefined ? {} : { restoredFrom: stamp.restoredFrom }),
  };
}

function payloadFields({ offloads, stored }: Stamp): Partial<SystemFields> {
  if (stored !== undefined) return { state: 'processed', payload: stored.payload, blobs: stored.blobs };
  return offloads === true ? { state: 'new-not-synched' } : {};
}

/** The op of a version that names none, which is by far the most common case and so costs no bytes. */
export function impliedOp(ov: number): Op {
  return ov === 0 ? 'CREATE' : 'UPDATE';
}

function appended(functionIds: readonly string[], functionId: string): string[] {
  return functionIds.includes(functionId) ? [...functionIds] : [...functionIds, functionId].slice(-MAX_FUNCTION_IDS);
}

function prefixed(fields: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([field, value]) => [`_system.${field}`, value]));
}
