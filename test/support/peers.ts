import { execFile } from 'node:child_process';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Mongoose, Schema } from 'mongoose';
import { inCache, serverCache, whileInstalling } from './server-cache.ts';

const run = promisify(execFile);
const require = createRequire(import.meta.url);

type Raw = Record<string, unknown>;

/** Another plugin that keeps history, on the newest Mongoose that it works with. */
export interface Peer {
  readonly name: string;
  readonly version: string;
  readonly mongoose: 8 | 9;
  /** What it needs and does not say. */
  readonly undeclared?: Readonly<Record<string, string>>;
  /** The collection in which it keeps the history of another. */
  readonly historyOf: (collection: string) => string;
  /** The field of an entry of its history that holds the `_id` of the document. */
  readonly idField: string;
  /** The number that an entry tells a field to have become, where it tells of that field. */
  readonly numberIn: (entry: Raw, field: string) => number | undefined;
  readonly pluginOf: (loaded: never, mongoose: Mongoose, subject: Subject) => (schema: Schema) => void;
}

/** What a peer is to record. */
export interface Subject {
  readonly collection: string;
  /** All fields, as mongoose-log-history has them listed. */
  readonly fields: readonly TrackedField[];
}

export interface TrackedField {
  readonly value: string;
  readonly arrayType?: 'simple' | 'custom-key';
  readonly arrayKey?: string;
  readonly trackedFields?: readonly TrackedField[];
}

/** Each set up as its own documentation has it, to record all that a document holds. */
export const PEERS: readonly Peer[] = [
  {
    name: 'ts-patch-mongoose',
    version: '4.0.1',
    mongoose: 9,
    historyOf: () => 'history',
    idField: 'collectionId',
    numberIn: ({ patch }, field) => numberInPatch(patch, field),
    pluginOf: ({ patchHistoryPlugin }: Record<'patchHistoryPlugin', OthersPlugin>) => given(patchHistoryPlugin, {}),
  },
  {
    name: 'mongoose-log-history',
    version: '1.2.0',
    mongoose: 8,
    historyOf: (collection) => `log_histories_${collection}`,
    idField: 'model_id',
    numberIn: ({ logs }, field) => numberInLogs(logs, field),
    pluginOf: ({ changeLoggingPlugin }: Record<'changeLoggingPlugin', OthersPlugin>, _mongoose, subject) =>
      given(changeLoggingPlugin, { modelName: subject.collection, trackedFields: subject.fields, logger: QUIET }),
  },
  {
    name: 'mongoose-patch-history',
    version: '2.0.0',
    mongoose: 8,
    undeclared: { bluebird: '3.7.2' },
    historyOf: (collection) => `${collection}_patches`,
    idField: 'ref',
    numberIn: ({ ops }, field) => numberInPatch(ops, field),
    pluginOf: ({ default: plugin }: Record<'default', OthersPlugin>, mongoose, { collection }) =>
      given(plugin, { mongoose, name: `${collection}Patches` }),
  },
];

type OthersPlugin = (schema: Schema, options: object) => void;

const given = (plugin: OthersPlugin, options: object) => (schema: Schema) => {
  schema.plugin(plugin, options);
};

/** It warns of each schema that says nothing of who made a document. */
const QUIET = { error: console.error, warn: () => {} };

/** From a JSON Patch, such as `[{ op: 'replace', path: '/visits', value: 2 }]`. */
function numberInPatch(patch: unknown, field: string): number | undefined {
  const operations = (patch ?? []) as { op: string; path: string; value?: number }[];
  return operations.find(({ op, path }) => op !== 'test' && path === `/${field}`)?.value;
}

/** From a list such as `[{ field_name: 'visits', from_value: '1', to_value: '2' }]`. */
function numberInLogs(logs: unknown, field: string): number | undefined {
  const changed = (logs as { field_name: string; to_value: string }[]).find(({ field_name }) => field_name === field);
  return changed === undefined ? undefined : Number(changed.to_value);
}

export interface LoadedPeer {
  /** The one Mongoose that it knows, and with which it keeps its history. */
  readonly mongoose: Mongoose;
  readonly pluginFor: (subject: Subject) => (schema: Schema) => void;
}

export class PeerUnavailableError extends Error {
  constructor({ name }: Peer, cause: unknown) {
    const [command, reason = command] = (cause as Error).message.split('\n');
    super(`${name} is left out, as it cannot be installed: ${reason}`, { cause });
  }
}

/**
 * Installs a peer, unless it is kept from an earlier run. No script of it or of what it depends on is run.
 *
 * @throws PeerUnavailableError
 */
export async function loadPeer(peer: Peer): Promise<LoadedPeer> {
  const ownVersion = (require(peer.mongoose === 8 ? 'mongoose8/package.json' : 'mongoose/package.json') as Package)
    .version;
  const folder = await installed(peer, ownVersion).catch((error: unknown) => {
    throw new PeerUnavailableError(peer, error);
  });
  const requireThere = createRequire(join(folder, 'package.json'));
  const mongoose = requireThere('mongoose') as Mongoose;
  const loaded = requireThere(peer.name) as never;
  return { mongoose, pluginFor: (subject) => peer.pluginOf(loaded, mongoose, subject) };
}

interface Package {
  readonly version: string;
}

async function installed(peer: Peer, mongoose: string): Promise<string> {
  const name = `${peer.name}-${peer.version}-mongoose-${mongoose}`;
  return (
    (await inCache(name)) ?? whileInstalling(name, async () => (await inCache(name)) ?? install(name, peer, mongoose))
  );
}

/** The rename makes the folder appear whole or not at all. */
async function install(name: string, peer: Peer, mongoose: string): Promise<string> {
  const kept = join(serverCache(), name);
  const partial = `${kept}.${process.pid}.partial`;
  const manifest = {
    private: true,
    dependencies: { mongoose, [peer.name]: peer.version, ...peer.undeclared },
    overrides: { [peer.name]: { mongoose } },
  };
  try {
    await mkdir(partial, { recursive: true });
    await writeFile(join(partial, 'package.json'), JSON.stringify(manifest));
    const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--prefix', partial];
    await run('npm', args, { cwd: partial, shell: process.platform === 'win32', timeout: INSTALL_MS });
    await rename(partial, kept);
    return kept;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

const INSTALL_MS = 120_000;
