import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

/** What mime-db's file says about one mime type. */
export interface MimeEntry {
  source?: string;
  charset?: string;
  compressible?: boolean;
  extensions?: string[];
}

/** A whole file: mime type → entry. */
export type MimeFile = Readonly<Record<string, MimeEntry>>;

/** One release of mime-db: its file, and what its own HISTORY says about when and why. */
export interface Release {
  readonly version: string;
  /** Its date. Releases of one day are told apart by an hour each, in their order in HISTORY. */
  readonly at: Date;
  readonly why: string;
  readonly file: MimeFile;
}

interface HistoryEntry {
  readonly version: string;
  readonly at: Date;
  readonly why: string;
}

const require = createRequire(import.meta.url);
const PACKAGE = 'mime-db-';
const HOUR_MS = 3_600_000;

/** The releases installed as `mime-db-X.Y.Z`, oldest first; `only` picks some of them. */
export async function loadReleases(only?: readonly string[]): Promise<Release[]> {
  const installed = only ?? (await installedVersions());
  const newest = [...installed].sort(byVersion).at(-1);
  const history = parseHistory(await readFile(require.resolve(`${PACKAGE}${newest}/HISTORY.md`), 'utf8'));
  const chosen = history.filter(({ version }) => installed.includes(version));
  return Promise.all(chosen.map(async (entry) => ({ ...entry, file: await readRelease(entry.version) })));
}

async function installedVersions(): Promise<string[]> {
  const manifest: { devDependencies: Record<string, string> } = await readJson('../../package.json');
  return Object.keys(manifest.devDependencies)
    .filter((name) => name.startsWith(PACKAGE))
    .map((name) => name.slice(PACKAGE.length));
}

const readRelease = (version: string): Promise<MimeFile> => readJson(`${PACKAGE}${version}/db.json`);

const readJson = async (name: string) => JSON.parse(await readFile(require.resolve(name), 'utf8'));

const byVersion = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true });

/** Reads `1.52.0 / 2022-02-21`, a rule of `=`, then `  * Add new upstream MIME types`; returns oldest first. */
export function parseHistory(text: string): HistoryEntry[] {
  const heads = [...text.matchAll(/^(\d+\.\d+\.\d+) \/ (\d{4}-\d{2}-\d{2})\n=+\n+ *\* +(.+)$/gm)].reverse();
  const releasesOn = new Map<string, number>();
  return heads.map(([, version = '', day = '', why = '']) => {
    const before = releasesOn.get(day) ?? 0;
    releasesOn.set(day, before + 1);
    return { version, at: new Date(Date.parse(day) + before * HOUR_MS), why };
  });
}
