// An Express app that was there before. What is marked is new; all else is as it was.
import express, { type Express } from 'express';
import { type Connection, Schema, type Types } from 'mongoose';
import { type ChronosModelType, chronos, runInChronosContext } from '../../src/index.ts'; // new

interface Author {
  name: string;
}

interface Article {
  title: string;
  stock: number;
  author?: Types.ObjectId;
}

const authorSchema = new Schema<Author>({ name: { type: String, required: true } });
authorSchema.plugin(chronos); // new

const articleSchema = new Schema<Article, ChronosModelType<Article>>(
  // new: the type of the model
  {
    title: { type: String, required: true },
    stock: { type: Number, min: 0, default: 0 },
    author: { type: Schema.Types.ObjectId, ref: 'Author' },
  },
  { timestamps: true },
);
articleSchema.plugin(chronos); // new

export function createApp(connection: Connection): Express {
  const Author = connection.model('Author', authorSchema);
  const Article = connection.model<Article, ChronosModelType<Article>>('Article', articleSchema);
  const app = express();
  app.use(express.json());

  // new: who makes the changes of a request
  app.use((request, _response, next) => runInChronosContext({ actor: request.get('x-user') }, next));

  app.post('/authors', async (request, response) => {
    response.status(201).json(await Author.create(request.body));
  });

  app.patch('/authors/:id', async (request, response) => {
    response.json(await Author.findByIdAndUpdate(request.params.id, request.body, { returnDocument: 'after' }));
  });

  app.post('/articles', async (request, response) => {
    response.status(201).json(await Article.create(request.body));
  });

  app.post('/articles/:id/sales', async (request, response) => {
    const stock = { stock: { $gt: 0 } };
    const sold = await Article.findOneAndUpdate(
      { _id: request.params.id, ...stock },
      { $inc: { stock: -1 } },
      { returnDocument: 'after' },
    );
    response.status(sold === null ? 409 : 200).json(sold);
  });

  app.delete('/articles/:id', async (request, response) => {
    await Article.deleteOne({ _id: request.params.id });
    response.status(204).end();
  });

  app.get('/articles', async (request, response) => {
    const articles = Article.find().sort('title').populate('author');
    const { at } = request.query; // new
    if (typeof at === 'string') articles.asOf(at); // new
    response.json(await articles);
  });

  // new
  app.get('/articles/:id/history', async (request, response) => {
    const versions = await Article.history(request.params.id, { limit: 50, lean: true });
    response.json(versions.map(({ ov, op, actor, doc }) => ({ ov, op, actor, stock: doc?.stock })));
  });

  // new
  app.post('/articles/:id/restore', async (request, response) => {
    response.json(await Article.restore(request.params.id, { ov: request.body.ov }));
  });

  return app;
}
