import type { TestProject } from 'vitest/node';
import { startMongo } from './servers.ts';

declare module 'vitest' {
  interface ProvidedContext {
    mongoUri: string;
  }
}

/** One server for all files of a project; each file takes a database of its own from `testDatabase()`. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { uri, stop } = await startMongo();
  project.provide('mongoUri', uri);
  return stop;
}
