import type { Store } from '../commit/store.ts';
import { TasksAtOnce } from '../offload/at-once.ts';
import { faultOf, type ObjectFault, type ReferredObject } from '../offload/inspect-objects.ts';
import type { PayloadTier } from '../offload/payload-tier.ts';
import type { VersionFields } from '../types.ts';
import { historyOf } from './histories.ts';
import { type Finding, type StoredHistory, versionsIn } from './judge.ts';

const AT_ONCE = 32;

/** Looks at the objects that versions refer to, some at once, while the next histories are read. */
export class ObjectCheck {
  readonly #store: Store;
  readonly #payload: PayloadTier;
  readonly #reads: boolean;
  readonly #onFinding: (finding: Finding) => void;
  readonly #checks = new TasksAtOnce(AT_ONCE);

  /** @param reads whether the objects are read, and not only asked about */
  constructor(store: Store, payload: PayloadTier, reads: boolean, onFinding: (finding: Finding) => void) {
    this.#store = store;
    this.#payload = payload;
    this.#reads = reads;
    this.#onFinding = onFinding;
  }

  /** Waits until there is room for more. Versions of a document share objects, each of which is looked at once. */
  async add(history: StoredHistory): Promise<void> {
    const seen = new Set<string>();
    for (const version of versionsIn(history)) {
      for (const object of this.#payload.objectsOf(version)) {
        if (seen.has(object.key)) continue;
        seen.add(object.key);
        await this.#checks.begin(() => this.#check(history.id, version, object));
      }
    }
  }

  /** @throws StorageError where a store does not answer */
  async end(): Promise<void> {
    await this.#checks.end();
  }

  async #check(id: unknown, { ov, state }: VersionFields, object: ReferredObject): Promise<void> {
    const kind = await faultOf(object, this.#reads);
    // It may have been repaired, erased or dropped since the history was read.
    if (kind === undefined || !(await this.#isStillReferredTo(id, ov, object.key))) return;
    this.#onFinding({ kind, id, ov, detail: detailOf(kind, object, ov, state === 'processed') });
  }

  async #isStillReferredTo(id: unknown, ov: number, key: string): Promise<boolean> {
    const version = versionsIn(await historyOf(this.#store, id, undefined)).find((one) => one.ov === ov);
    return version !== undefined && this.#payload.objectsOf(version).some((object) => object.key === key);
  }
}

function detailOf(kind: ObjectFault, { store, key }: ReferredObject, ov: number, isAway: boolean): string {
  const problem = kind === 'missing-object' ? 'is not there' : 'is not what was stored';
  const whole = isAway ? '' : '; the version is whole in MongoDB, and is stored again before it leaves';
  return `Version ${ov} refers to ${key} in the ${store.name}, which ${problem}${whole}`;
}
