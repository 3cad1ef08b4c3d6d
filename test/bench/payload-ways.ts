import type { Bench } from './bench-case.ts';
import { type HeldStore, heldStore } from './held-store.ts';
import { loadLibrary } from './library.ts';
import { type Bucket, s3ClientOf, s3OptionsOf } from './object-storage.ts';
import { NaiveNotes, type NoteModel, noteModel } from './payload-notes.ts';

/** The three ways of doing the same. */
export interface Ways {
  readonly inline: NoteModel;
  readonly offloaded: NoteModel;
  readonly naive: NaiveNotes;
  readonly held: HeldStore;
}

export async function waysOf(bench: Bench, { bucket }: Bucket, endpoint: string): Promise<Ways> {
  const { s3 } = await loadLibrary();
  const held = heldStore(new s3.S3PayloadStore(bucket, s3OptionsOf(endpoint)));
  const payload = { json: held.store };
  return {
    inline: await noteModel(await bench.connect(), bench.chronos),
    offloaded: await noteModel(await bench.connect(), bench.chronos, payload),
    naive: new NaiveNotes(await bench.connect(), s3ClientOf(endpoint), bucket),
    held,
  };
}
