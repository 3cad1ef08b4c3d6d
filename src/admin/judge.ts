import type { VersionFields } from '../types.ts';

/** What may be wrong with a document's history, or with the collection it is kept in. */
export type FindingKind =
  /** The end of a version is not the beginning of the next one. */
  | 'broken-interval'
  /** A version ends before it begins, or after the next one begins. */
  | 'overlap'
  /** Numbers are missing between two versions, or before the first. */
  | 'missing-version'
  /** A version that is not the last one has no end. */
  | 'duplicate-current'
  /** The document is gone, and no tombstone says since when: TTL, or a writer that does not keep history. */
  | 'missing-tombstone'
  /** The document has a history but its `_system` was removed by such a writer. */
  | 'unversioned-head'
  /** The document's `_system` repeats a number that is taken, so such a writer has put it back. */
  | 'reset-head'
  /** A row of the history collection that is no version record. */
  | 'orphan'
  /** Versions are known to be lost here, and marked so. */
  | 'gap'
  /** The erasure of a document was begun and is not finished. */
  | 'unfinished-erasure'
  /** An object that a version refers to is not in its store. */
  | 'missing-object'
  /** An object that a version refers to is not what was stored. */
  | 'damaged-object'
  /** The history collection lacks one of the indexes that it relies on. */
  | 'missing-index'
  /** The history collection came into being without its options. It works, but takes more space. */
  | 'implicit-collection';

/** Something that is not as the library leaves it. */
export interface Finding {
  readonly kind: FindingKind;
  /** The document's id; absent where the whole collection is meant. */
  readonly id?: unknown;
  /** The version where it shows. */
  readonly ov?: number;
  readonly detail: string;
}

/** The bookkeeping of all that is stored of one document. */
export interface StoredHistory {
  readonly id: unknown;
  /** Undefined where there is no such document; null where it has no `_system`. */
  readonly head: VersionFields | null | undefined;
  /** Those of its records, in ascending order of `ov`. */
  readonly records: readonly VersionFields[];
}

/** All versions of a history, in ascending order. */
export function versionsIn({ head, records }: StoredHistory): VersionFields[] {
  return [...records, ...(head === undefined || head === null ? [] : [head])];
}

/**
 * Holds a history against what every commit leaves behind: numbers without a gap, intervals that meet, and either a
 * head or a tombstone at the end. A version marked `gap` may follow any other, but must not begin before it.
 *
 * @param hasLeft whether the versions before one may be missing because retention has taken them
 */
export function judge(history: StoredHistory, hasLeft: HasLeft = () => false): Finding[] {
  const { id, head, records } = history;
  const versions = versionsIn(history);
  const findings = [
    ...judgeEnd(history),
    ...(resetHead(history) ? [] : versions).flatMap((version, index) =>
      judgeVersion(versions[index - 1], version, hasLeft),
    ),
    ...(head === undefined ? records.slice(0, -1) : records).flatMap(judgeOpenEnded),
    ...versions.flatMap(judgeGap),
  ];
  return findings.map((finding) => ({ ...finding, id }));
}

type HasLeft = (next: VersionFields) => boolean;

type Found = Omit<Finding, 'id'>;

/** Whether the head's number is one that a record has already. */
function resetHead({ head, records }: StoredHistory): boolean {
  const last = records.at(-1);
  return head !== undefined && head !== null && last !== undefined && head.ov <= last.ov;
}

function judgeEnd(history: StoredHistory): Found[] {
  const { head, records } = history;
  const last = records.at(-1);
  if (last === undefined) return [];
  if (head === null) {
    return [{ kind: 'unversioned-head', ov: last.ov, detail: `No _system, but versions up to ${last.ov}` }];
  }
  if (head === undefined && last.deleted !== true) {
    return [
      { kind: 'missing-tombstone', ov: last.ov, detail: `No document, and no deletion after version ${last.ov}` },
    ];
  }
  if (head !== undefined && resetHead(history)) {
    return [{ kind: 'reset-head', ov: head.ov, detail: `At version ${head.ov}, but versions up to ${last.ov}` }];
  }
  return [];
}

/** One version, and the one before it. */
function judgeVersion(before: VersionFields | undefined, version: VersionFields, hasLeft: HasLeft): Found[] {
  const { ov } = version;
  const expected = before === undefined ? 0 : before.ov + 1;
  const findings: Found[] = [];
  const isTaken = ov > expected && hasLeft(version);
  if (ov !== expected && !isTaken && version.gap !== true && version.op !== 'ERASE') {
    findings.push({ kind: 'missing-version', ov, detail: `Expected version ${expected}, found ${ov}` });
  }
  if (backwards(version.updatedAt, version.until)) {
    findings.push({ kind: 'overlap', ov, detail: `Version ${ov} ends before it begins` });
  }
  return isTaken ? findings : [...findings, ...judgeSeam(before, version)];
}

/**
 * The moment at which one version gives way to the next. A deletion lasts until the next one, whenever that is; of what
 * was erased nothing is left to meet.
 */
function judgeSeam(before: VersionFields | undefined, { ov, updatedAt, gap, op }: VersionFields): Found[] {
  const end = before?.deleted === true ? before.updatedAt : before?.until;
  if (before === undefined || end === undefined || op === 'ERASE') return [];
  if (updatedAt === undefined) {
    return [{ kind: 'broken-interval', ov, detail: `Version ${ov} has no beginning` }];
  }
  if (backwards(end, updatedAt)) {
    return [{ kind: 'overlap', ov, detail: `Version ${ov} begins before version ${before.ov} ends` }];
  }
  if (before.deleted === true || gap === true || end.getTime() === updatedAt.getTime()) return [];
  return [{ kind: 'broken-interval', ov, detail: `Version ${ov} begins after version ${before.ov} ends` }];
}

function judgeOpenEnded({ ov, until, deleted }: VersionFields): Found[] {
  if (until !== undefined || deleted === true) return [];
  return [{ kind: 'duplicate-current', ov, detail: `Version ${ov} has no end, but a later one follows` }];
}

/** Of a document whose versions were never to be kept none is lost. */
function judgeGap({ ov, gap, sole }: VersionFields): Found[] {
  return gap === true && sole !== true ? [{ kind: 'gap', ov, detail: `Versions before ${ov} are lost` }] : [];
}

function backwards(from: Date | undefined, until: Date | undefined): boolean {
  return from !== undefined && until !== undefined && until < from;
}
