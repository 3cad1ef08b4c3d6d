import { type AnyModel, committerBehind } from '../../src/capture/install.ts';
import type { Store } from '../../src/commit/store.ts';

/** What is behind a model whose connection is open. */
export function storeOf(model: unknown): Store {
  return committerBehind(model as AnyModel)!.store;
}
