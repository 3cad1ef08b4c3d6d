import { execFile } from 'node:child_process';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Mongoose, Schema } from 'mongoose';
import { inCache, serverCache, whileInstalling } from '../support/server-cache.ts';
import type { Bench } from './bench-case.ts';
import { type OrderModel, orderModel, type Plugin } from './documents.ts';

const run = promisify(execFile);
const require = createRequire(import.meta.url);

/** Another plugin that keeps history, on the newest Mongoose that it works with. */
export interface Peer {
  readonly name: string;
  readonly version: string;
  readonly mongoose: 8 | 9;
  /** What it needs and does not say. */
  readonly undeclared?: Readonly<Record<string, string>>;
  /** The collection in which it keeps the history of orders. */
  readonly history: string;
  readonly pluginOf: (loaded: never, mongoose: Mongoose) => Plugin;
}

/** Each set up as its own documentation has it, to record all that a document holds. */
export const PEERS: readonly Peer[] = [
  {
    name: 'ts-patch-mongoose',
    version: '4.0.1',
    mongoose: 9,
    history: 'history',
    pluginOf: ({ patchHistoryPlugin }: Record<'patchHistoryPlugin', OthersPlugin>) => given(patchHistoryPlugin, {}),
  },
  {
    name: 'mongoose-log-history',
    version: '1.2.0',
    mongoose: 8,
    history: 'log_histories_orders',
    pluginOf: ({ changeLoggingPlugin }: Record<'changeLoggingPlugin', OthersPlugin>) =>
      given(changeLoggingPlugin, { modelName: 'orders', trackedFields: TRACKED, logger: QUIET }),
  },
  {
    name: 'mongoose-patch-history',
    version: '2.0.0',
    mongoose: 8,
    undeclared: { bluebird: '3.7.2' },
    history: 'order_patches',
    pluginOf: ({ default: plugin }: Record<'default', OthersPlugin>, mongoose) =>
      given(plugin, { mongoose, name: 'orderPatches' }),
  },
];

type OthersPlugin = (schema: Schema, options: object) => void;

const given =
  (plugin: OthersPlugin, options: object): Plugin =>
  (schema) => {
    schema.plugin(plugin, options);
  };

const TRACKED = [
  ...['number', 'title', 'description', 'status', 'priority', 'score', 'active', 'visits', 'dueAt'],
  ...['address.street', 'address.city', 'address.zip', 'address.geo.lat', 'address.geo.lng'],
  ...['preferences.language', 'preferences.currency', 'preferences.newsletter'],
]
  .map((value): object => ({ value }))
  .concat([
    { value: 'tags', arrayType: 'simple' },
    { value: 'history', arrayType: 'simple' },
    { value: 'lines', arrayType: 'custom-key', arrayKey: 'product', trackedFields: [{ value: 'quantity' }] },
    { value: 'contacts', arrayType: 'custom-key', arrayKey: 'kind', trackedFields: [{ value: 'value' }] },
  ]);

/** It warns of each schema that says nothing of who made a document. */
const QUIET = { error: console.error, warn: () => {} };

/** The same model on plain Mongoose and with the peer, both of the version that the peer works with. */
export interface BesidePeer {
  /** Mongoose of the plain one, and the way to the server. */
  readonly mongoose: Mongoose;
  readonly plain: OrderModel;
  readonly theirs: OrderModel;
}

/** Nothing, and a note of it, where the peer cannot be had. */
export async function besidePeer(bench: Bench, peer: Peer, uri?: string): Promise<BesidePeer | undefined> {
  let loaded: LoadedPeer;
  try {
    loaded = await loadPeer(peer);
  } catch (error) {
    bench.note(`${peer.name}: left out, as it could not be installed: ${(error as Error).message}`);
    return undefined;
  }
  const { mongoose: from, plugin } = loaded;
  const where = uri === undefined ? {} : { uri };
  const mongoose = await bench.connect({ ...where, from });
  const plain = await orderModel(mongoose);
  // They keep their history with the one Mongoose that they know.
  await bench.connect({ ...where, from, itself: true });
  from.deleteModel(/^Order/);
  const theirs = await orderModel(from, { plugin: plugin() });
  await from.syncIndexes();
  return { mongoose, plain, theirs };
}

interface LoadedPeer {
  readonly mongoose: Mongoose;
  readonly plugin: () => Plugin;
}

/** Installs a peer, unless it is kept from an earlier run. No script of it or of what it depends on is run. */
async function loadPeer(peer: Peer): Promise<LoadedPeer> {
  const ownVersion = (require(peer.mongoose === 8 ? 'mongoose8/package.json' : 'mongoose/package.json') as Package)
    .version;
  const folder = await installed(peer, ownVersion);
  const requireThere = createRequire(join(folder, 'package.json'));
  const mongoose = requireThere('mongoose') as Mongoose;
  const loaded = requireThere(peer.name) as never;
  return { mongoose, plugin: () => peer.pluginOf(loaded, mongoose) };
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
