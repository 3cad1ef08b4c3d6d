import { FilePayloadStore } from '../../src/payload/stores/file-payload-store.ts';

/** Puts objects until it is killed: each is one character many times over, so that a torn one can be told. */
const store = new FilePayloadStore(process.argv[2] as string);
await store.put('ready', Buffer.from('x'));
console.log('ready');
for (let round = 0; ; round++) {
  const character = String.fromCharCode(97 + (round % 26));
  await Promise.all(
    [0, 1, 2, 3].map((key) => store.put(`folder/${key}`, Buffer.from(character.repeat(300_000 + key)))),
  );
}
