export type { ChronosPluginOptions } from './config/options.ts';
export { runInChronosContext } from './context.ts';
export * from './errors.ts';
export { chronos } from './plugin.ts';
export type { Actor, Attribution, ChronosWriteOptions, Instant, Op } from './types.ts';
