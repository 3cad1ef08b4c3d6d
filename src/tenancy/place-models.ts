import type { Connection } from 'mongoose';
import type { AnyModel } from '../capture/install.ts';
import type { EntityDefinition } from '../entity/definition.ts';
import { protectFromErasure } from '../system/erasable.ts';
import type { Place } from './place.ts';
import { type PlaceConnection, placeConnection } from './place-connection.ts';
import { placeModel } from './place-model.ts';
import type { Neighbours } from './rows/row-pipeline.ts';
import { rowScope } from './rows/row-scope.ts';
import type { Templates } from './templates.ts';

/** The models of all entities at one place, made as they are asked for. */
export class PlaceModels {
  readonly place: Place;
  readonly #templates: Templates;
  readonly #connection: PlaceConnection;
  readonly #neighbours: Neighbours;

  constructor(
    place: Place,
    client: Connection,
    templates: Templates,
    { modelNamed, neighbours }: { modelNamed: PlaceConnection['modelNamed']; neighbours: Neighbours },
  ) {
    this.place = place;
    this.#templates = templates;
    this.#connection = placeConnection(client, place, modelNamed);
    this.#neighbours = neighbours;
  }

  protectFromErasure(): void {
    protectFromErasure(this.#connection);
  }

  of(definition: EntityDefinition): AnyModel {
    const { models } = this.#connection as unknown as { models: Record<string, AnyModel> };
    const known = models[definition.name];
    if (known !== undefined) return known;
    const { base, name } = definition;
    const model = base === undefined ? this.#root(definition) : kindNamed(this.of(base), name);
    models[name] = model;
    return model;
  }

  /** The names of the collections that are there. */
  async existingCollections(): Promise<Set<string>> {
    await this.#connection.asPromise();
    const collections = this.#connection.db?.listCollections({}, { nameOnly: true }).toArray() ?? [];
    return new Set((await collections).map(({ name }) => name));
  }

  #root(definition: EntityDefinition): AnyModel {
    const scope = rowScope(definition, this.#connection, this.#neighbours);
    return placeModel(this.#templates.compiled(definition), this.#connection, scope);
  }
}

function kindNamed({ discriminators }: AnyModel, name: string): AnyModel {
  return (discriminators as unknown as Record<string, AnyModel>)[name] as AnyModel;
}
