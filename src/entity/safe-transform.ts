import { createRequire } from 'node:module';
import { ConfigError } from '../errors.ts';
import type { AnyClass } from './metadata.ts';

/** Options of `toInstance` and `toPlain`: those of class-transformer that say what is exposed. */
export interface TransformOptions {
  /** Expose also what is exposed to one of these groups alone. */
  readonly groups?: readonly string[] | undefined;
  /** Expose what is of this version of the API. */
  readonly version?: number | undefined;
  /**
   * What becomes of properties that no decorator speaks of.
   * @default 'exposeAll'
   */
  readonly strategy?: 'exposeAll' | 'excludeAll' | undefined;
  /** Expose nothing but what has an `@Expose`. */
  readonly excludeExtraneousValues?: boolean | undefined;
  /** Leave out properties whose names begin so. */
  readonly excludePrefixes?: readonly string[] | undefined;
}

type Exposed = { readonly options?: { readonly name?: string } } | undefined;

interface Executor {
  readonly transformationType: number;
  transform(source: unknown, value: unknown, type: unknown, list: unknown, isMap: boolean, level?: number): unknown;
  getKeys(target: unknown, object: object, isMap: boolean): string[];
}

interface ClassTransformer {
  readonly TransformOperationExecutor: new (direction: number, options: object) => Executor;
  readonly defaultMetadataStorage: { findExposeMetadata(target: AnyClass, property: string): Exposed };
}

/** What class-transformer calls its directions. */
const DIRECTIONS = { toInstance: 0, toPlain: 1 } as const;

/** Types that a value becomes if its `@Type` asks for it. */
const CONVERSIONS: readonly unknown[] = [String, Number, Boolean];

/**
 * A transformation by class-transformer's own rules that leaves values of BSON, dates, bytes and maps what they are. On
 * its own class-transformer takes them to pieces: https://github.com/typestack/class-transformer/issues/484.
 */
export function transformed(direction: keyof typeof DIRECTIONS, instance: object, options: TransformOptions): unknown {
  const Safe = safeExecutor();
  const executor = new Safe(DIRECTIONS[direction], { exposeUnsetFields: false, ...options });
  return executor.transform(undefined, instance, undefined, undefined, false);
}

/** The name that `@Expose` gives a property. */
export function exposedName(type: AnyClass, property: string): string {
  return classTransformer().defaultMetadataStorage.findExposeMetadata(type, property)?.options?.name ?? property;
}

let loaded: ClassTransformer | undefined;

/** It is loaded at first use, since not every app has it. Its own parts are not among what it exports. */
function classTransformer(): ClassTransformer {
  if (loaded !== undefined) return loaded;
  const load = createRequire(import.meta.url);
  try {
    loaded = {
      ...load('class-transformer/cjs/TransformOperationExecutor.js'),
      ...load('class-transformer/cjs/storage.js'),
    } as ClassTransformer;
    return loaded;
  } catch (cause) {
    throw new ConfigError({ message: 'Cannot transform: npm install class-transformer@0.5', cause });
  }
}

let safe: ClassTransformer['TransformOperationExecutor'] | undefined;

function safeExecutor(): ClassTransformer['TransformOperationExecutor'] {
  safe ??= class extends classTransformer().TransformOperationExecutor {
    override transform(
      source: unknown,
      value: unknown,
      type: unknown,
      list: unknown,
      isMap: boolean,
      level = 0,
    ): unknown {
      if (value instanceof Map) {
        const item = (each: unknown) => this.transform(undefined, each, type, undefined, false, level + 1);
        return new Map([...value].map(([key, each]) => [key, item(each)]));
      }
      if (isKept(value) && !CONVERSIONS.includes(type)) return value;
      return super.transform(source, value, type, list, isMap, level);
    }

    /** Class-transformer also takes what is exposed and not there; accessors are no content for an instance. */
    override getKeys(target: unknown, object: object, isMap: boolean): string[] {
      const isThere = (key: string) =>
        this.transformationType === DIRECTIONS.toPlain ? key in object : Object.hasOwn(object, key);
      return super.getKeys(target, object, isMap).filter(isThere);
    }
  };
  return safe;
}

function isKept(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return '_bsontype' in value || value instanceof Date || value instanceof RegExp || ArrayBuffer.isView(value);
}
