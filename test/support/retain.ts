import { type AnyModel, committerBehind } from '../../src/capture/install.ts';
import type { Store } from '../../src/commit/store.ts';
import { applyRetention, type RetentionReport } from '../../src/retention/apply-retention.ts';
import { rowsOf } from '../../src/system/rows.ts';

/** Applies retention without the time that readers of other processes are given, of which there are none. */
export async function retain(model: unknown): Promise<RetentionReport> {
  return applyRetention(storeOf(model), { confirm: true }, rowsOf(model)?.allIds, 0);
}

export function storeOf(model: unknown): Store {
  return committerBehind(model as AnyModel)!.store;
}
