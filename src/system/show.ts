import type { RawDocument } from '../types.ts';

interface QueryInternals {
  readonly _userProvidedFields?: RawDocument;
}

type Options = { chronos?: object; projection?: RawDocument };

const ASKED = '+_system';

/**
 * Lets `select('+_system')` show the bookkeeping. Mongoose takes such a path for one of the schema and, where it does
 * not know it, either drops it or sends it to the server as it stands; so it is put right where the options are made.
 */
export function installShowSystem(queryPrototype: object): void {
  const methods = queryPrototype as { _optionsForExec: (...args: unknown[]) => Options };
  const { _optionsForExec: optionsForExec } = methods;
  Object.defineProperty(queryPrototype, '_optionsForExec', {
    writable: true,
    configurable: true,
    value: function (this: QueryInternals, ...args: unknown[]): Options {
      const options = optionsForExec.apply(this, args);
      return this._userProvidedFields?.[ASKED] === undefined ? options : showing(options);
    },
  });
}

/** Whether the options of a read ask for the bookkeeping. */
export function showsSystem(options: object): boolean {
  return (options as { chronos?: { system?: true } }).chronos?.system === true;
}

function showing({ projection, ...options }: Options): Options {
  const { [ASKED]: _asked, ...rest } = projection ?? {};
  const inclusive = Object.entries(rest).some(([path, value]) => path !== '_id' && (value === 1 || value === true));
  const shown = inclusive ? { ...rest, _system: 1 } : rest;
  const asked = { ...options, chronos: { ...options.chronos, system: true } };
  return Object.keys(shown).length === 0 ? asked : { ...asked, projection: shown };
}
