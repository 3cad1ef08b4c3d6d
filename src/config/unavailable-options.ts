import type { ShapedConfig } from './config-schema.ts';
import type { Check } from './resolve-config.ts';

/**
 * Options that are understood and checked, but that nothing acts on yet. Whoever asks for one is refused, for a promise
 * that is silently not kept is worse. A value that says what happens anyway, or nothing at all, is accepted. The line
 * goes when what it names is built.
 */
const UNAVAILABLE: Readonly<Record<string, (config: ShapedConfig) => boolean>> = {
  fallback: ({ fallback }) => fallback?.enabled === true,
  'transactions.enabled: false': ({ transactions }) => transactions?.enabled === false,
};

/** What to do instead, where that is more than to leave it out. */
const INSTEAD: Readonly<Record<string, string>> = {
  'transactions.enabled: false':
    'versions are written in transactions, for which a replica set of one member is enough; leave it out',
};

/** Reports the options that are asked for in vain. */
export const reportUnavailable: Check = (config, report) => {
  for (const [option, isAsked] of Object.entries(UNAVAILABLE)) {
    const instead = INSTEAD[option] ?? 'leave it out';
    if (isAsked(config)) report(option, `is not available in this version: ${instead}`);
  }
};
