import type { SwitchedStore } from './switched-store.ts';

/** The keys of all manifests in a store. */
export async function manifestsIn(versions: SwitchedStore): Promise<string[]> {
  return (await versions.keys()).filter((key) => key.includes('/__manifests__/'));
}
