import type { PayloadStore } from '../../src/payload/payload-store.ts';

/** A store that can be made to keep those waiting who put something. */
export interface HeldStore {
  readonly store: PayloadStore;
  readonly hold: () => void;
  readonly release: () => void;
}

export function heldStore(store: PayloadStore): HeldStore {
  let released: Promise<void> = Promise.resolve();
  let release = () => {};
  const put: PayloadStore['put'] = async (...args) => {
    await released;
    return store.put(...args);
  };
  return {
    store: new Proxy(store, {
      get: (_, method) => {
        const own = Reflect.get(store, method) as unknown;
        if (method === 'put') return put;
        return typeof own === 'function' ? own.bind(store) : own;
      },
    }),
    hold: () => {
      released = new Promise((resolve) => {
        release = resolve;
      });
    },
    release: () => release(),
  };
}
