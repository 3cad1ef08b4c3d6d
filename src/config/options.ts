import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { ConfigError } from '../errors.ts';

/** Options of the plugin. All are optional: `schema.plugin(chronos)` is a complete configuration. */
export interface ChronosPluginOptions {
  /**
   * Show `_system` in documents and query results instead of keeping it out of sight.
   * @default false
   */
  readonly visible?: boolean | undefined;
  /**
   * Number every version of the collection in commit order (`cv`), so that `asOf({ cv })` names an exact state.
   * @default false
   */
  readonly collectionVersion?: boolean | undefined;
  /**
   * Checks every version before it is committed, whatever call makes it: the whole document, as it is going to be
   * stored, without `_system`. What it throws reaches the caller, and nothing is written. It costs updates a read.
   */
  readonly validate?: ((document: Readonly<Record<string, unknown>>) => void) | undefined;
  /**
   * Where the time of versions comes from.
   * @default the system clock
   */
  readonly clock?: Clock | undefined;
}

/** The options with their defaults. */
export interface ChronosOptions {
  readonly visible: boolean;
  readonly collectionVersion: boolean;
  readonly validate?: ChronosPluginOptions['validate'];
  readonly clock?: Clock | undefined;
}

/** What there is of options; also for the entities, which take them too. */
export const pluginOptions = z.strictObject({
  visible: z.boolean().default(false),
  collectionVersion: z.boolean().default(false),
  validate: z
    .custom<NonNullable<ChronosPluginOptions['validate']>>((value) => typeof value === 'function', 'must be a function')
    .optional(),
  clock: z.custom<Clock>((value) => typeof (value as Clock | undefined)?.now === 'function').optional(),
  // Mongoose's own options for plugins ride in the same object.
  deduplicate: z.boolean().optional(),
  tags: z.array(z.string()).optional(),
}) satisfies z.ZodType<ChronosOptions, ChronosPluginOptions>;

export function resolveOptions(options: ChronosPluginOptions | undefined): ChronosOptions {
  const parsed = pluginOptions.safeParse(options ?? {});
  if (parsed.success) return Object.freeze(parsed.data);
  const problems = parsed.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join('.')}: ${message}`,
  );
  throw new ConfigError({
    message: `Cannot apply chronos: ${problems.join('; ')}. See ChronosPluginOptions for what there is`,
  });
}
