import { isDeepStrictEqual } from 'node:util';
import type { MimeFile, Release } from './releases.ts';
import type { MimeTypeModel } from './replay.ts';

/** The whole collection as it was at an instant, in the form of mime-db's file. */
export async function fileAsOf(model: MimeTypeModel, at: Date): Promise<MimeFile> {
  const types = await model.asOf(at).find().lean();
  return Object.fromEntries(types.map(({ _id, ...entry }) => [_id, entry]));
}

/** Whether the collection at a release's instant deep-equals that release's file. */
export interface Verdict {
  readonly release: Release;
  readonly types: number;
  readonly equal: boolean;
  readonly ms: number;
}

export async function* verify(model: MimeTypeModel, releases: readonly Release[]): AsyncGenerator<Verdict> {
  for (const release of releases) {
    const started = performance.now();
    const file = await fileAsOf(model, release.at);
    const ms = performance.now() - started;
    yield { release, types: Object.keys(file).length, equal: isDeepStrictEqual(file, release.file), ms };
  }
}

const PICTURES_AND_FONTS = /^(image|font)\//;

/** A question to the past: IANA's compressible images and fonts, sorted by their first extension. */
export async function compressibleAsOf(model: MimeTypeModel, at: Date): Promise<string[]> {
  const types = await model
    .asOf(at)
    .find({ _id: PICTURES_AND_FONTS, source: 'iana', compressible: true, 'extensions.0': { $exists: true } })
    .sort({ 'extensions.0': 1, _id: 1 })
    .lean();
  return types.flatMap(({ extensions }) => extensions?.[0] ?? []);
}

/** The same question, answered by a release's file without any database. */
export function compressibleIn(file: MimeFile): string[] {
  return Object.entries(file)
    .filter(([name, { source, compressible }]) => PICTURES_AND_FONTS.test(name) && source === 'iana' && compressible)
    .flatMap(([name, { extensions }]) => (extensions?.[0] ? { name, first: extensions[0] } : []))
    .sort((a, b) => compare(a.first, b.first) || compare(a.name, b.name))
    .map(({ first }) => first);
}

/** MongoDB's order of strings without a collation, for the ASCII names of this data. */
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export interface Answer {
  readonly at: Date;
  readonly answer: readonly string[];
  /** The release that was the newest one at that instant, and what its file answers. */
  readonly release: Release;
  readonly expected: readonly string[];
  readonly equal: boolean;
}

/** Asks at instants between the releases, and compares each answer with the release that was in force. */
export async function* askAt(
  model: MimeTypeModel,
  releases: readonly Release[],
  instants: readonly Date[],
): AsyncGenerator<Answer> {
  for (const at of instants) {
    const release = releases.findLast((candidate) => candidate.at <= at);
    if (release === undefined) throw new Error(`No release precedes ${at.toISOString()}`);
    const answer = await compressibleAsOf(model, at);
    const expected = compressibleIn(release.file);
    yield { at, answer, release, expected, equal: isDeepStrictEqual(answer, expected) };
  }
}
