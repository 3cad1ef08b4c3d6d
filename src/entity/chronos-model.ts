import type { Document, Types } from 'mongoose';
import type { SystemFields } from '../types.ts';
import { sourceOf } from './binding.ts';
import type { EntityClass, EntityModel } from './entity-type.ts';

/** What a document of an entity has from Mongoose. */
export interface ChronosModel<Id = Types.ObjectId> extends Document<Id> {}

/**
 * The base of all entities. It holds no data: an entity describes documents, and its models read and write them.
 *
 * @typeParam Id what `_id` is; Mongoose's own ObjectId unless the entity declares another
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: Mongoose gives its documents what the interface tells
export abstract class ChronosModel<Id = Types.ObjectId> {
  declare _id: Id;
  /**
   * The bookkeeping of the version that was read or saved; kept by the library. What `insertMany` and `bulkSave` have
   * written shows it when it is read.
   */
  declare readonly _system: SystemFields;

  /**
   * The model of this entity in a tenant's data.
   *
   * @throws ConfigError if no open registry has the entity, or more than one
   */
  static forTenant<E extends EntityClass>(this: E, tenantId: string): EntityModel<E> {
    return sourceOf(this).model(this, { tenantId });
  }

  /** The model of this entity in the data of a domain. Throws as `forTenant` does. */
  static forDomain<E extends EntityClass>(this: E, domain: string): EntityModel<E> {
    return sourceOf(this).model(this, { tier: 'domain', extIdentifier: domain });
  }

  /** The model of this entity in the data that belongs to everyone. Throws as `forTenant` does. */
  static generic<E extends EntityClass>(this: E): EntityModel<E> {
    return sourceOf(this).model(this, { tier: 'generic' });
  }
}
