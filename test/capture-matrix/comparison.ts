import type { Mongoose } from 'mongoose';
import { CHECKS } from '../support/correctness-checks.ts';
import { type HistoryLibrary, ourLibrary, peerLibrary } from '../support/history-library.ts';
import { capture } from '../support/path-capture.ts';
import { type LoadedPeer, loadPeer, PEERS, type Peer, PeerUnavailableError } from '../support/peers.ts';
import { WRITE_PATHS } from '../support/write-paths.ts';

const CORE = WRITE_PATHS.filter(({ core }) => core);

/** Others write after the call; those who write with it are given the same time. */
const PATIENCE_MS = 1_000;

/** What one library was found to do, by write path and by check. */
interface Findings {
  readonly library: string;
  readonly paths: readonly string[];
  readonly checks: readonly string[];
}

const LEGEND = [
  'yes: each document that the path changed has a new entry; no: one has none; wrong: one that was not changed has one;',
  'refused: nothing is written. Mongoose 8 knows no `middleware: false`: there it is an ordinary updateOne.',
];

/** Takes the core paths and the checks with our library and with each of the others, and puts them into one table. */
export async function comparison(mongoose: Mongoose, uri: string): Promise<string> {
  const all = [await findingsOf(await ourLibrary(mongoose, PATIENCE_MS))];
  const leftOut: string[] = [];
  for (const peer of PEERS) {
    try {
      all.push(await findingsOfPeer(peer, await loadPeer(peer), uri));
    } catch (error) {
      if (!(error instanceof PeerUnavailableError)) throw error;
      leftOut.push(error.message);
    }
  }
  const title = `### The ${CORE.length} write paths and ${CHECKS.length} checks, beside others`;
  return [title, '', table(all), '', ...LEGEND, ...leftOut, ''].join('\n');
}

async function findingsOfPeer(peer: Peer, loaded: LoadedPeer, uri: string): Promise<Findings> {
  const library = await peerLibrary(peer, loaded, { uri, patienceMs: PATIENCE_MS });
  return findingsOf(library).finally(() => library.mongoose.disconnect());
}

async function findingsOf(library: HistoryLibrary): Promise<Findings> {
  const [paths, checks]: [string[], string[]] = [[], []];
  for (const path of CORE) paths.push(await capture(library, path));
  for (const check of CHECKS) checks.push(await check.find(library));
  return { library: library.name, paths, checks };
}

function table(all: readonly Findings[]): string {
  const captured = ({ paths }: Findings) => String(paths.filter((found) => found === 'yes').length);
  const passed = ({ checks }: Findings) => String(checks.filter((found, at) => found === CHECKS[at]?.right).length);
  return [
    row(['', 'right', ...all.map(({ library }) => library)]),
    row(['---', '---', ...all.map(() => '---')]),
    ...CORE.map(({ name }, at) => row([name, 'yes', ...all.map(({ paths }) => String(paths[at]))])),
    row([`captured, of ${CORE.length}`, '', ...all.map(captured)]),
    ...CHECKS.map(({ name, right }, at) => row([name, right, ...all.map(({ checks }) => String(checks[at]))])),
    row([`right, of ${CHECKS.length}`, '', ...all.map(passed)]),
  ].join('\n');
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
