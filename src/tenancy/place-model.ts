import type { AnyModel } from '../capture/install.ts';
import { RouteMismatchError } from '../errors.ts';
import { markRows } from '../system/rows.ts';
import { FreshCollection } from './fresh-collection.ts';
import { areForeign, ownerOf, type Place } from './place.ts';
import { placeCollection } from './place-collection.ts';
import type { PlaceConnection } from './place-connection.ts';
import type { RowScope } from './rows/row-scope.ts';

/**
 * The model of an entity at a place: it inherits all of the one that was compiled, which is at no place, but for the
 * connection and the collection. Mongoose's own `__subclass` does the same; this one makes no indexes, is not held by
 * the model it comes of, and knows where it belongs.
 */
export function placeModel(compiled: AnyModel, connection: PlaceConnection, scope: RowScope | undefined): AnyModel {
  const shown = scope?.connection ?? connection;
  const model = derive(compiled, shown);
  const options = (compiled.$__collection as unknown as { opts: object }).opts;
  const native = connection.collection(compiled.collection.collectionName, options);
  if (scope !== undefined) markRows(native, scope.rows);
  bind(model, compiled, compiled.$__collection, native);
  // Whatever covers the schema's models covers this one too; the plugin makes its collection capture.
  compiled.schema.emit('init', model);
  const capturing = model.$__collection;
  const fresh = new FreshCollection(model, connection);
  bind(model, compiled, compiled.$__collection, placeCollection(capturing, connection, scope, fresh));
  bindKinds(model, compiled, shown);
  return model;
}

/** The place that a model or a document belongs to; undefined where it is none of a registry's. */
export function placeOf(model: unknown): Place | undefined {
  return (model as { db?: Partial<PlaceConnection> | null } | null | undefined)?.db?.place;
}

function derive(compiled: AnyModel, connection: PlaceConnection): AnyModel {
  const model = function placeModel(doc?: unknown, fields?: unknown, skipId?: unknown) {
    if (isDocument(doc)) requireOwn(doc, connection.place);
    const kind = kindOf(model, doc);
    if (kind !== undefined) return Reflect.construct(kind, [doc, fields, skipId]);
    return Reflect.construct(compiled, [doc, fields, skipId], new.target ?? model);
  } as unknown as AnyModel;
  Object.setPrototypeOf(model, compiled);
  Object.setPrototypeOf(model.prototype, compiled.prototype);
  // Mongoose's messages go by it.
  define(model, 'name', compiled.name);
  define(model, Symbol.hasInstance, hasInstance);
  bind(model, compiled, compiled.db, connection);
  return model;
}

/** Puts something in the place of what a compiled model and its documents hold, wherever they do. */
function bind(model: AnyModel, compiled: AnyModel, held: unknown, value: unknown): void {
  for (const key of slotsOf(compiled, held)) define(model, key, value);
  for (const key of slotsOf(compiled.prototype, held)) define(model.prototype, key, value);
}

const slots = new WeakMap<object, Map<unknown, PropertyKey[]>>();

/** The properties in which an object holds a value. A path of the schema that has such a name is an accessor. */
function slotsOf(holder: object, value: unknown): PropertyKey[] {
  const byValue = slots.get(holder) ?? new Map<unknown, PropertyKey[]>();
  slots.set(holder, byValue);
  const known = byValue.get(value);
  if (known !== undefined) return known;
  const found = Reflect.ownKeys(holder).filter((key) => {
    const slot = Object.getOwnPropertyDescriptor(holder, key);
    return slot !== undefined && 'value' in slot && slot.value === value;
  });
  byValue.set(value, found);
  return found;
}

function define(target: object, key: PropertyKey, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, configurable: true });
}

/** Documents of the same entity at another place are none of the model's. */
function hasInstance(this: AnyModel, value: unknown): boolean {
  if (!isDocument(value) || placeOf(value) !== placeOf(this)) return false;
  const compiled = Object.getPrototypeOf(this) as AnyModel;
  return Object.prototype.isPrototypeOf.call(compiled.prototype, value);
}

/**
 * @throws RouteMismatchError for a document that belongs to somebody else
 */
export function requireOwn(document: object, place: Place): void {
  const owner = placeOf(document);
  if (owner === undefined || !areForeign(owner, place)) return;
  throw new RouteMismatchError({
    message: `Cannot take a document of ${ownerOf(owner)} into the data of ${ownerOf(place)}. Copy what it holds: document.toObject()`,
  });
}

export function isDocument(value: unknown): value is object {
  return typeof value === 'object' && value !== null && '$__' in value;
}

/** The discriminators at the place, which are found by name or by value as Mongoose's are. */
function bindKinds(model: AnyModel, compiled: AnyModel, connection: PlaceConnection): void {
  if (compiled.discriminators === undefined) return;
  const kinds = Object.entries(compiled.discriminators as unknown as Record<string, AnyModel>).map(([name, kind]) => {
    const own = derive(kind, connection);
    bind(own, kind, kind.$__collection, model.$__collection);
    return [name, own];
  });
  define(model, 'discriminators', Object.fromEntries(kinds));
}

/** The discriminator that a document's own content asks for. */
function kindOf({ discriminators, schema }: AnyModel, doc: unknown): AnyModel | undefined {
  if (discriminators === undefined || typeof doc !== 'object' || doc === null) return undefined;
  const { discriminatorKey = '__t' } = schema.options as { discriminatorKey?: string };
  const value = (doc as Record<string, unknown>)[discriminatorKey];
  if (value === undefined || value === null) return undefined;
  const kinds = discriminators as unknown as Record<string, AnyModel>;
  if (typeof value === 'string' && Object.hasOwn(kinds, value)) return kinds[value];
  return Object.values(kinds).find((kind) => {
    const { discriminatorMapping } = kind.schema as unknown as { discriminatorMapping?: { value: unknown } };
    return discriminatorMapping?.value === value;
  });
}
