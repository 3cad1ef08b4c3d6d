import { Schema } from 'mongoose';
import { describe, expect, it } from 'vitest';
import { Base64, ChronosEntity, ChronosModel } from '../../../decorators/index.ts';
import { ConfigError, chronos, initChronos } from '../../../src/index.ts';

const mongoUris = ['mongodb://localhost:27017'];
const blob = (textCharset: string) => ({ contentType: 'text/plain', textCharset });

describe('a charset that nobody knows is refused at start', () => {
  const plugin = (textCharset: string) => new Schema().plugin(chronos, { base64: { note: blob(textCharset) } });
  const entity = (textCharset: string) => {
    @ChronosEntity({ collection: 'notes' })
    class Note extends ChronosModel {
      @Base64(blob(textCharset)) note?: string;
    }
    return initChronos({ mongoUris, entities: [Note] });
  };
  const map = (textCharset: string) =>
    initChronos({
      mongoUris,
      collectionMaps: { notes: { indexedProps: [], base64Props: { note: blob(textCharset) } } },
    });

  it.each([
    ['by the plugin', plugin],
    ['of an entity', entity],
    ['of a collection of the client', map],
  ])('%s', (_, start) => {
    for (const textCharset of ['utf-9', 'base64', 'utf-7']) expect(() => start(textCharset)).toThrow(ConfigError);
    expect(() => start('utf-9')).toThrow(/"note" as text in "utf-9"|utf-9/);
    expect(() => start('windows-1252')).not.toThrow();
  });
});
