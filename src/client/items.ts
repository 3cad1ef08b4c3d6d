import { type Verbs, verbsBehind } from '../api/install-api.ts';
import type { AnyModel } from '../capture/install.ts';
import { atPlace } from '../tenancy/at-place.ts';

/** The documents of a collection at a place: its model, and what stands behind that. */
export class Items {
  readonly model: AnyModel;
  /** Whether they may hold anything, because no class says what. */
  readonly areSchemaless: boolean;

  constructor(model: AnyModel, areSchemaless: boolean) {
    this.model = model;
    this.areSchemaless = areSchemaless;
  }

  get verbs(): Verbs {
    return verbsBehind(this.model);
  }

  /** Carries out a call at their place. */
  run<T>(call: () => Promise<T>): Promise<T> {
    return atPlace(this.model, call);
  }
}
