import { isDeepStrictEqual } from 'node:util';
import type { Model } from 'mongoose';
import { installApi } from './api/install-api.ts';
import { type AnyModel, installCapture } from './capture/install.ts';
import { type ChronosOptions, type ChronosPluginOptions, resolveOptions } from './config/options.ts';
import { ConfigError } from './errors.ts';
import { PastReader } from './history/past-reader.ts';

/** What the plugin needs of a schema. Schemas have many type parameters, and it goes on all of them. */
interface AnySchema {
  on(event: 'init', listener: (model: Model<unknown>) => void): unknown;
}

const applied = new WeakMap<object, ChronosOptions>();

/** Schemas with options of their own, which what is applied to all schemas does not change. */
const settled = new WeakSet<object>();

/** Makes the options that a schema has the last word, whatever is said later of all schemas. */
export function settle(schema: object): void {
  settled.add(schema);
}

/**
 * Mongoose plugin that keeps the history of every document of a schema. The app's own calls stay as they are; each
 * document they change leaves a version that can be read, searched and restored as of any instant.
 *
 * @example
 * schema.plugin(chronos);
 * const User = mongoose.model('User', schema);
 * await User.asOf('2026-01-01T00:00:00Z').find({ status: 'active' });
 *
 * @throws ConfigError for an unknown option, or when applied again with other options
 */
export function chronos(schema: AnySchema, options?: ChronosPluginOptions): void {
  const resolved = resolveOptions(options);
  const before = applied.get(schema);
  if (before !== undefined) {
    if (settled.has(schema) || isDeepStrictEqual(before, resolved)) return;
    throw new ConfigError({
      message:
        'Cannot apply chronos twice to one schema with different options. Apply it once, to the schema or globally',
    });
  }
  applied.set(schema, resolved);
  schema.on('init', (model: Model<unknown>) => install(model as AnyModel));

  function install(model: AnyModel): void {
    installCapture(model, resolved, (store, connection) => {
      return new PastReader(store, { visible: resolved.visible, ...connection });
    });
    installApi(model, resolved, install);
  }
}
