import type { Connection } from 'mongoose';
import { type CountingOf, countThrough } from '../capture/connection-counting.ts';
import { type Keeping, setKeeping } from '../capture/connection-keeping.ts';
import { keepPayloads } from '../capture/connection-payload.ts';
import type { AnyModel } from '../capture/install.ts';
import type { ResolvedPayload } from '../config/options.ts';
import type { EntityDefinition } from '../entity/definition.ts';
import { protectFromErasure } from '../system/erasable.ts';
import type { Place } from './place.ts';
import { type PlaceConnection, placeConnection } from './place-connection.ts';
import { placeModel } from './place-model.ts';
import type { Neighbours } from './rows/row-pipeline.ts';
import { rowScope } from './rows/row-scope.ts';
import type { Templates } from './templates.ts';

/** What a place has around it. */
export interface PlaceSurroundings {
  readonly modelNamed: PlaceConnection['modelNamed'];
  readonly neighbours: Neighbours;
  /** How payloads are kept there, if they are. */
  readonly payload: ResolvedPayload | undefined;
  readonly keeping: Keeping;
  /** What counts versions there, if they are counted. */
  readonly counting: CountingOf | undefined;
}

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
    { modelNamed, neighbours, payload, keeping, counting }: PlaceSurroundings,
  ) {
    this.place = place;
    this.#templates = templates;
    this.#connection = placeConnection(client, place, modelNamed);
    this.#neighbours = neighbours;
    if (payload !== undefined) keepPayloads(this.#connection, payload);
    setKeeping(this.#connection, keeping);
    if (counting !== undefined) countThrough(this.#connection, counting);
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

  /** The models that were asked for so far. */
  known(): readonly AnyModel[] {
    return Object.values((this.#connection as unknown as { models: Record<string, AnyModel> }).models);
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
