import type { Connection, Model, Mongoose } from 'mongoose';
import type { AnyModel } from '../capture/install.ts';
import { definitionOf, type EntityDefinition } from '../entity/definition.ts';
import { entityModel } from '../entity/entity-model.ts';
import type { EntityClass } from '../entity/entity-type.ts';
import { ConfigError } from '../errors.ts';
import { keepInside } from './keep-inside.ts';

/** The models of a registry's entities, each compiled once, at no place: what those at a place derive from. */
export class Templates {
  readonly #connection: Connection;
  readonly #definitions = new Map<string, EntityDefinition>();

  constructor(mongoose: Mongoose, entities: readonly EntityClass[]) {
    this.#connection = mongoose.createConnection();
    // It never opens: nothing may wait for it.
    Object.assign(this.#connection.config, { autoCreate: false, autoIndex: false, bufferCommands: false });
    const definitions = entities.map(definitionOf);
    for (const definition of definitions) this.#add(definition);
    for (const { target } of definitions) entityModel(this.#connection, target);
    for (const definition of this.#definitions.values()) keepInside(this.compiled(definition));
  }

  /** All entities of the registry: those it is given, and those that these refer to or extend. */
  definitions(): IterableIterator<EntityDefinition> {
    return this.#definitions.values();
  }

  /** The entity of a model's name. */
  named(name: string): EntityDefinition | undefined {
    return this.#definitions.get(name);
  }

  has(definition: EntityDefinition): boolean {
    return this.#definitions.get(definition.name) === definition;
  }

  compiled(definition: EntityDefinition): AnyModel {
    return entityModel(this.#connection, definition.target) as unknown as Model<unknown> as AnyModel;
  }

  async close(): Promise<void> {
    await this.#connection.destroy();
  }

  #add(definition: EntityDefinition): void {
    const known = this.#definitions.get(definition.name);
    if (known === definition) return;
    if (known !== undefined) {
      throw new ConfigError({
        message: `Cannot use two entities of the name ${definition.name} in one registry. Give one another name: @ChronosEntity({ name })`,
      });
    }
    this.#definitions.set(definition.name, definition);
    if (definition.base !== undefined) this.#add(definition.base);
    for (const related of definition.related()) this.#add(related);
  }
}
