import { AsyncResource } from 'node:async_hooks';

/** What of Mongoose's collection keeps calls until the connection is open. */
interface Buffering {
  readonly queue: (readonly [call: Call, args: unknown])[];
}

type Call = (...args: unknown[]) => unknown;
type Methods = Readonly<Record<string, Call>>;

/** Calls by the name that Mongoose knows them by. */
const names = new WeakMap<Call, string>();

/**
 * Lets calls that wait for the connection be made on the very collection they were made on. Mongoose 8 keeps their
 * names, and would make them on its own one, past whatever stands before it, and as calls of whoever opens the
 * connection; Mongoose 9 keeps functions.
 */
export const bufferedCalls: PropertyDescriptorMap = {
  addQueue: {
    value(this: Buffering, call: string | Call, args: unknown) {
      this.queue.push([typeof call === 'string' ? named(this as unknown as Methods, call) : call, args]);
      return this;
    },
  },
  removeQueue: {
    value(this: Buffering, call: string | Call, args: unknown) {
      const { queue } = this;
      const index = queue.findIndex(([one, given]) => (names.get(one) ?? one) === call && given === args);
      if (index === -1) return false;
      queue.splice(index, 1);
      return true;
    },
  },
};

function named(collection: Methods, name: string): Call {
  const call: Call = AsyncResource.bind((...args: unknown[]) => collection[name]?.(...args));
  names.set(call, name);
  return call;
}
