// Lets Node run the TypeScript of this repository: `node --import ./test/support/typescript.mjs file.ts`. It is the
// compiler of the tests, so decorators and their metadata come out the same, and it needs no package of its own.
import { register } from 'node:module';

register('./typescript-hooks.mjs', import.meta.url);
process.setSourceMapsEnabled(true);
