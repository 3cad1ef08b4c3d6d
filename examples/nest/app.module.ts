// A NestJS app with tenants. Its pages were there before, by @nestjs/mongoose, and have their history, too.
import {
  Body,
  Controller,
  Get,
  Injectable,
  type MiddlewareConsumer,
  Module,
  type NestMiddleware,
  NotFoundException,
  Param,
  Patch,
  Post,
  Query,
} from '@nestjs/common';
import { InjectModel, MongooseModule } from '@nestjs/mongoose';
import type { NextFunction, Request, Response } from 'express';
import { Schema } from 'mongoose';
import {
  ChronosEntity,
  ChronosModel,
  Defaults,
  type EntityModel,
  type NewEntity,
  Prop,
} from '../../decorators/index.ts';
import { Chronos, type ChronosModelType, chronos, runInChronosContext } from '../../src/index.ts';
import { ChronosModule, InjectEntity } from './chronos.module.ts';

@ChronosEntity({ collection: 'users', indexed: ['status'] })
export class User extends ChronosModel {
  declare [Defaults]: 'status';

  @Prop({ required: true }) email!: string;
  @Prop({ default: 'trial' }) status!: string;
}

/** It works for one tenant, and so is made for each request. */
@Injectable()
class UsersService {
  constructor(@InjectEntity(User) private readonly users: EntityModel<typeof User>) {}

  create(user: NewEntity<User>) {
    return this.users.create(user);
  }

  find(at?: string) {
    return at === undefined ? this.users.find().lean() : this.users.asOf(at).find().lean();
  }

  update(id: string, change: Partial<NewEntity<User>>) {
    return this.users.findByIdAndUpdate(id, change, { returnDocument: 'after' }).orFail(() => new NotFoundException());
  }

  async history(id: string) {
    const versions = await this.users.history(id);
    return versions.map(({ ov, actor, doc }) => ({ ov, actor, status: doc?.status }));
  }
}

@Controller('users')
class UsersController {
  constructor(private readonly service: UsersService) {}

  @Post() create(@Body() user: NewEntity<User>) {
    return this.service.create(user);
  }

  @Get() find(@Query('at') at?: string) {
    return this.service.find(at);
  }

  @Patch(':id') update(@Param('id') id: string, @Body() change: Partial<NewEntity<User>>) {
    return this.service.update(id, change);
  }

  @Get(':id/history') history(@Param('id') id: string) {
    return this.service.history(id);
  }
}

interface Page {
  title: string;
}

const pageSchema = new Schema<Page, ChronosModelType<Page>>({ title: String });
pageSchema.plugin(chronos);

@Controller('pages')
class PagesController {
  constructor(@InjectModel('Page') private readonly pages: ChronosModelType<Page>) {}

  @Post() create(@Body() page: Page) {
    return this.pages.create(page);
  }

  @Get(':id/history') async history(@Param('id') id: string) {
    return (await this.pages.history(id)).map(({ ov, doc }) => ({ ov, title: doc?.title }));
  }
}

/** Whose data a request is about, and who made it: here by headers, in your app by whatever you trust. */
@Injectable()
class TenantMiddleware implements NestMiddleware {
  constructor(private readonly chronos: Chronos) {}

  use(request: Request, _response: Response, next: NextFunction): void {
    const [tenant, actor] = [request.get('x-tenant'), request.get('x-user')];
    if (tenant === undefined || !this.chronos.tenants.has(tenant)) throw new NotFoundException();
    runInChronosContext({ tenant, actor }, next);
  }
}

@Module({ imports: [ChronosModule.forFeature(User)], providers: [UsersService], controllers: [UsersController] })
class UsersModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(TenantMiddleware).forRoutes(UsersController);
  }
}

@Module({
  imports: [MongooseModule.forFeature([{ name: 'Page', schema: pageSchema }])],
  controllers: [PagesController],
})
class PagesModule {}

/** Where the app keeps its data. */
@Injectable()
class Settings {
  readonly name = process.env.APP_NAME ?? 'nest';
  readonly mongoUri = process.env.MONGODB_URI ?? 'mongodb://127.0.0.1:27017/?replicaSet=rs0';
}

@Module({ providers: [Settings], exports: [Settings] })
class SettingsModule {}

@Module({
  imports: [
    MongooseModule.forRootAsync({
      imports: [SettingsModule],
      inject: [Settings],
      useFactory: ({ mongoUri, name }: Settings) => ({ uri: mongoUri, dbName: `${name}_pages` }),
    }),
    ChronosModule.forRootAsync({
      imports: [SettingsModule],
      inject: [Settings],
      useFactory: ({ mongoUri, name }) => ({
        mongoConns: [{ key: 'main', mongoUri }],
        databases: {
          runtime: [
            { key: 'tenants', mongoConnKey: 'main', dbName: `${name}_{tenantId}`, tenantIds: ['acme', 'globex'] },
          ],
        },
      }),
    }),
    UsersModule,
    PagesModule,
  ],
})
export class AppModule {}
