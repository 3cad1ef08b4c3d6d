// Every decorator, with all types named, so that it means the same however it is compiled: as legacy decorators with
// metadata or without, or as standard ones.
import { type Query, type Schema, Types } from 'mongoose';
import {
  Base64,
  ChronosEntity,
  ChronosModel,
  Embedded,
  type EntityDocument,
  type EntityModel,
  Index,
  Indexed,
  Plugin,
  Post,
  Pre,
  Prop,
  Ref,
  Virtual,
} from '../../decorators/index.ts';

function stamped(schema: Schema, options: { by: string }): void {
  schema.add({ stampedBy: { type: String, default: options.by } });
}

abstract class Named extends ChronosModel {
  @Prop({ type: String, required: true, trim: true }) name!: string;

  get title(): string {
    return `The ${this.name}`;
  }
}

@Embedded({ _id: false })
export class Price {
  @Prop({ type: Number, min: 0 }) amount!: number;
  @Indexed() @Prop({ type: String }) currency!: string;
  @Prop({ type: () => [Price] }) others?: Price[];

  text(): string {
    return `${this.amount} ${this.currency}`;
  }
}

@ChronosEntity()
export class Maker extends Named {
  @Virtual({ ref: () => Product, localField: '_id', foreignField: 'maker' }) products?: EntityDocument<
    typeof Product
  >[];
}

@ChronosEntity({ collection: 'wares', indexed: ['tags'], schemaOptions: { timestamps: true } })
@Index({ name: 1, maker: -1 }, { unique: true })
@Index({ maker: 1 })
@Plugin(stamped, { by: 'shop' })
export class Product extends Named {
  @Ref(() => Maker, { required: true }) maker!: Types.ObjectId;
  @Ref(() => [Product]) goesWith?: Types.ObjectId[];
  @Prop({ type: Price }) price?: Price;
  @Prop({ type: Map, of: Price }) prices?: Map<string, Price>;
  @Prop({ type: [String], enum: ['new', 'old'] }) tags?: string[];
  @Base64({ contentType: 'image/png' }) photo?: string;

  @Pre('validate') protected tidy(): void {
    this.name = this.name.toLowerCase();
  }

  @Post('find') static found(this: Query<unknown, Product>): void {
    this.model.modelName;
  }

  label(): string {
    return `${this.title} at ${this.price?.text()}`;
  }

  static byName(this: EntityModel<typeof Product>, name: string) {
    return this.findOne({ name });
  }
}

@ChronosEntity({ discriminatorValue: 'book' })
export class Book extends Product {
  @Prop({ type: Number }) pages!: number;

  override label(): string {
    return `${super.label()}, ${this.pages} pages`;
  }
}

@ChronosEntity()
export class Untyped extends ChronosModel {
  @Prop() text!: string;
}
