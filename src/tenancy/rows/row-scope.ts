import type { EntityDefinition } from '../../entity/definition.ts';
import { RouteMismatchError } from '../../errors.ts';
import { ownerOf } from '../place.ts';
import type { PlaceConnection } from '../place-connection.ts';
import { rowConnection } from './row-connection.ts';
import type { Neighbours } from './row-pipeline.ts';
import { type IdTypes, TenantRows } from './tenant-rows.ts';

/** What limits a model to its tenant's part of a collection. */
export interface RowScope {
  readonly rows: TenantRows;
  readonly neighbours: Neighbours;
  /** The connection that the model shows. */
  readonly connection: PlaceConnection;
}

/**
 * The part of an entity's collection that belongs to a place; undefined where all of it does.
 *
 * @throws RouteMismatchError for an entity that cannot be shared
 */
export function rowScope(
  { name, tenantField, versioning }: EntityDefinition,
  connection: PlaceConnection,
  neighbours: Neighbours,
): RowScope | undefined {
  const { place } = connection;
  if (place.database.kind !== 'shared') return undefined;
  if (tenantField === undefined || place.tenantId === undefined) {
    throw new RouteMismatchError({
      message: `Cannot use ${name} in the data of ${ownerOf(place)}: tenants share its collections in ${place.database.key}, and ${name} has no field to tell them apart. Give it one: @ChronosEntity({ tenantField: 'tenantId' })`,
    });
  }
  if (versioning.payload !== undefined) {
    throw new RouteMismatchError({
      message: `Cannot use ${name} in the data of ${ownerOf(place)}: tenants share its collections, whose objects are where initChronos says. Leave payload out of @ChronosEntity, and configure spacesConns or localStorage`,
    });
  }
  const { mongo } = connection.base as unknown as { mongo: IdTypes };
  const rows = new TenantRows(place.tenantId, tenantField, mongo);
  return { rows, neighbours, connection: rowConnection(connection) };
}
