/**
 * Options of Mongoose's by the names it declares. It also allows any other name, for plugins, and would so let
 * misspelled ones pass. Those of plugins are known once they are declared, as many plugins do themselves:
 *
 * @example
 * declare module 'mongoose' {
 *   interface SchemaTypeOptions<T> { autopopulate?: boolean }
 * }
 */
export type KnownOptions<Options> = {
  readonly [K in keyof Options as string extends K ? never : K]?: Options[K] | undefined;
};
