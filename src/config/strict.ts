import { z } from 'zod';

/** An object with these keys and no others; a stray one is told together with those there are. */
export function strict<const S extends z.ZodRawShape>(shape: S) {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `unknown key ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}; there are ${Object.keys(shape).join(', ')}`
        : undefined,
  });
}
