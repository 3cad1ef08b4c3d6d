import type { Connection, mongo } from 'mongoose';

interface Options {
  readonly session?: mongo.ClientSession | null | undefined;
}

/** What of a Mongoose instance is not in the types of its older versions. */
interface MongooseInternals {
  readonly transactionAsyncLocalStorage?: { getStore(): Options | undefined };
}

/** The session of a call, or of the transaction around it, by Mongoose's own rule: `session: null` opts out. */
export function callersSession(
  { db }: { readonly db: Connection },
  options: Options | undefined,
): mongo.ClientSession | undefined {
  if (options !== undefined && 'session' in options) return options.session ?? undefined;
  const { transactionAsyncLocalStorage: storage } = db.base as unknown as MongooseInternals;
  return storage?.getStore()?.session ?? undefined;
}
