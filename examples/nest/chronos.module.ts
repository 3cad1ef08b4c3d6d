// Everything that NestJS needs to know of the library. Copy it into your app.
import {
  type DynamicModule,
  Inject,
  Module,
  type ModuleMetadata,
  type OnApplicationShutdown,
  Scope,
} from '@nestjs/common';
import type { EntityClass } from '../../decorators/index.ts';
import { Chronos, type ChronosConfig, initChronos } from '../../src/index.ts';

/** The configuration, without the entities: those are named where they are used. */
type Config = Omit<ChronosConfig, 'entities'>;

interface AsyncConfig<Args extends unknown[]> {
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
  readonly inject?: { readonly [I in keyof Args]: abstract new (...args: never[]) => Args[I] };
  readonly useFactory: (...args: Args) => Config | Promise<Config>;
}

const entities = new Map<EntityClass, symbol>();

function tokenOf(entity: EntityClass): symbol {
  const token = entities.get(entity) ?? Symbol(`the ${entity.name}s of a tenant`);
  entities.set(entity, token);
  return token;
}

/** Injects the model of an entity in the data of the tenant that a request is about. */
export const InjectEntity = (entity: EntityClass) => Inject(tokenOf(entity));

@Module({})
export class ChronosModule implements OnApplicationShutdown {
  constructor(private readonly chronos: Chronos) {}

  static forRoot(config: Config): DynamicModule {
    return ChronosModule.forRootAsync({ useFactory: () => config });
  }

  static forRootAsync<Args extends unknown[]>({ imports = [], inject, useFactory }: AsyncConfig<Args>): DynamicModule {
    const chronos = {
      provide: Chronos,
      inject: [...(inject ?? [])],
      useFactory: async (...args: Args) =>
        initChronos({ ...(await useFactory(...args)), entities: [...entities.keys()] }),
    };
    return { module: ChronosModule, global: true, imports, providers: [chronos], exports: [Chronos] };
  }

  static forFeature(...features: readonly EntityClass[]): DynamicModule {
    // For each request anew: the tenant is that of the context around it.
    const models = features.map((entity) => ({
      provide: tokenOf(entity),
      scope: Scope.REQUEST,
      inject: [Chronos],
      useFactory: (chronos: Chronos) => chronos.model(entity),
    }));
    return { module: ChronosFeatures, providers: models, exports: models };
  }

  onApplicationShutdown(): Promise<void> {
    return this.chronos.close();
  }
}

@Module({})
class ChronosFeatures {}
