import type { Mongoose } from 'mongoose';
import type { chronos } from '../../src/index.ts';
import type { MongoOptions } from '../support/servers.ts';
import type { Child, Tasks } from './child.ts';

/** What a figure has to reach: a share of plain Mongoose's throughput, or a multiple of its time. */
export type Goal = { readonly atLeast: number } | { readonly atMost: number };

/** One finding. Ratios only: a time says as much about the machine as about the library. */
export interface Figure {
  /** Begins with the name of its case: `reads: findById`. */
  readonly name: string;
  readonly callers: number;
  readonly ratio: number;
  /** Least and greatest ratio of any round. */
  readonly spread?: readonly [least: number, greatest: number];
  /** CPU of Node and mongod per operation against the baseline's: steadier than time on a busy machine. */
  readonly cpu?: number;
  /** Figures of others, and sizes, have none. */
  readonly goal?: Goal;
  /** What it means for a user, in one line. */
  readonly means: string;
}

/** What a case is given. Whatever it hands out is closed when the case has ended. */
export interface Bench {
  /** Short rounds: to see that it works, not how fast. */
  readonly quick: boolean;
  /** The plugin under test: the built one, where the build is current. */
  readonly chronos: typeof chronos;
  /** A Mongoose of its own, connected to an empty database: on the server all cases share, or on that of `uri`. */
  connect(options?: ConnectOptions): Promise<Mongoose>;
  /** A server for this case alone, e.g. one with a small cache. Returns its URI. */
  startMongo(options?: MongoOptions): Promise<string>;
  /** A process of its own, for the tasks that a module of `children/` offers. */
  startChild<T extends Tasks>(module: URL): Child<T>;
  /** The server all cases share, for those processes. */
  readonly sharedUri: string;
  report(figure: Figure): void;
  /** A line for the reader that is no figure: sizes, counts, why something was skipped. */
  note(text: string): void;
}

export interface ConnectOptions {
  readonly uri?: string;
  /** The package to take the Mongoose from. @default Mongoose 9 */
  readonly from?: Mongoose;
  /** Connects that very Mongoose, not a new one of its kind: for plugins that know no other. @default false */
  readonly itself?: boolean;
}

/**
 * A group of figures that are measured together. Each module in `cases/` exports `cases: BenchCase[]`; nothing else is
 * needed for `npm run bench` to find it. A wrong result is an error, thrown: it ends the case and fails the run.
 */
export interface BenchCase {
  /** `--only NAME` selects the cases with NAME in theirs. */
  readonly name: string;
  run(bench: Bench): Promise<void>;
}
