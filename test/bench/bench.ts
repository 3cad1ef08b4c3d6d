import { randomBytes } from 'node:crypto';
import mongoose, { type Mongoose } from 'mongoose';
import { startMongo } from '../support/servers.ts';
import type { Bench, ConnectOptions, Figure } from './bench-case.ts';
import { Child, type Tasks } from './child.ts';

export interface BenchSettings {
  readonly quick: boolean;
  readonly chronos: Bench['chronos'];
  readonly sharedUri: string;
  readonly report: (figure: Figure) => void;
  readonly note: (text: string) => void;
}

/** Runs `use` with a bench of its own, and closes what that handed out. */
export async function withBench(settings: BenchSettings, use: (bench: Bench) => Promise<void>): Promise<void> {
  const closers: (() => Promise<unknown>)[] = [];
  try {
    await use({
      ...settings,
      async connect({ uri = settings.sharedUri, from = mongoose, itself = false }: ConnectOptions = {}) {
        const own: Mongoose = itself ? from : new from.Mongoose();
        await own.connect(uri, { dbName: `bench-${randomBytes(4).toString('hex')}` });
        closers.unshift(async () => {
          await own.connection.dropDatabase();
          await own.disconnect();
        });
        return own;
      },
      async startMongo(options = {}): Promise<string> {
        const server = await startMongo({ progress: () => {}, ...options });
        closers.push(server.stop);
        return server.uri;
      },
      startChild<T extends Tasks>(module: URL): Child<T> {
        const child = new Child<T>(module);
        closers.unshift(() => child.stop());
        return child;
      },
    });
  } finally {
    for (const close of closers) await close();
  }
}
