import { ConfigError } from '../errors.ts';
import { type PlainProjection, plainProjection, projected } from '../offload/project.ts';
import { outermost } from '../payload/payload-map.ts';

const MAX_PATHS = 200;

/** What of a document is asked for. */
export class Projection {
  readonly paths: readonly string[];
  readonly #plain: PlainProjection;

  constructor(paths: readonly string[]) {
    this.paths = outermost(paths);
    this.#plain = plainProjection({ ...this.asked, _system: 1 }) as PlainProjection;
  }

  /** As the server is asked for it. */
  get asked(): Readonly<Record<string, 1>> {
    return Object.fromEntries(this.paths.map((path) => [path, 1 as const]));
  }

  /** A document with its id, its bookkeeping and what is asked for. */
  of(document: Uint8Array): Uint8Array {
    return projected(document, this.#plain);
  }
}

/**
 * Checks what a caller asks for; undefined where that is everything. The id and the bookkeeping are told anyway, whole.
 *
 * @throws ConfigError for what are no paths
 */
export function projectionOf(paths: readonly string[] | undefined): Projection | undefined {
  if (paths === undefined) return undefined;
  if (Array.isArray(paths) && paths.length <= MAX_PATHS && paths.every(isPath)) {
    return new Projection(paths.filter((path) => !/^(_id|_system)(\.|$)/.test(path)));
  }
  throw new ConfigError({
    message: `Cannot use this projection: expected a list of at most ${MAX_PATHS} paths, such as ['email', 'address.city']`,
  });
}

/** Whether something is a path of names, and no operator. */
export function isPath(path: unknown): path is string {
  return typeof path === 'string' && path.split('.').every((name) => name !== '' && !/^\$|\0/.test(name));
}
