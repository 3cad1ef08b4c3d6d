import { callersSession } from '../callers-session.ts';
import type { AnyModel } from '../capture/install.ts';
import type { PlaceConnection } from './place-connection.ts';
import { requireOwnSession } from './session-owner.ts';

/**
 * Carries out a call that reaches what is stored without a collection of Mongoose's, as one of those that are under way
 * at a model's place: within its tenant, and waited for when the registry closes.
 */
export async function atPlace<T>(model: AnyModel, call: () => Promise<T>): Promise<T> {
  const { place, traffic } = model.db as PlaceConnection;
  const session = callersSession(model, undefined);
  place.requireOpen();
  requireOwnSession(session, place);
  traffic.admit(session);
  return traffic.followCall(call());
}
