import { applyRetention, type RetentionReport } from '../../src/retention/apply-retention.ts';
import { rowsOf } from '../../src/system/rows.ts';
import { storeOf } from './store-of.ts';

/** Applies retention without the time that readers of other processes are given, of which there are none. */
export async function retain(model: unknown): Promise<RetentionReport> {
  return applyRetention(storeOf(model), { confirm: true }, rowsOf(model)?.allIds, 0);
}
