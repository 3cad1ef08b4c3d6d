import { readFileSync } from 'node:fs';

/** The first ```ts or ```js block of the README, to the letter. */
export function readmeExample(readme: URL): string {
  const block = /^```(?:ts|js)\n(.*?)^```$/ms.exec(readFileSync(readme, 'utf8'));
  if (block?.[1] === undefined) throw new Error('README.md has no ```ts or ```js block');
  return block[1];
}

const IMPORT = /^import\s+(?:type\s+)?([^'"]+?)\s+from\s+(['"][^'"]+['"]);?$/gm;

/** `import a, { b as c } from 'x'` as `const a = require('x')` and `const { b: c } = require('x')`. */
export function withRequire(code: string): string {
  return code.replace(IMPORT, (_, bindings: string, from: string) => {
    const [, byDefault, named] = /^(\w+)?(?:,\s*)?(\{[^}]*\})?$/.exec(bindings.trim()) ?? [];
    if (byDefault === undefined && named === undefined)
      throw new Error(`Cannot turn "import ${bindings}" into require`);
    const names = [byDefault, named?.replace(/\s+as\s+/g, ': ')].filter((name) => name !== undefined);
    return names.map((name) => `const ${name} = require(${from});`).join('\n');
  });
}

/** CommonJS has no await at the top level: all that follows the imports goes into a function. */
export function withMain(code: string): string {
  const lines = code.split('\n');
  const body = lines.findLastIndex((line) => /^import\s|\sfrom\s+['"][^'"]+['"];?$/.test(line)) + 1;
  const main = ['async function main() {', ...lines.slice(body), '}', 'main();'];
  return [...lines.slice(0, body), ...main].join('\n');
}
