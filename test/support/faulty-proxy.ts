import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/**
 * What a proxy does to a request:
 *
 * - `pass`: nothing.
 * - `stall`: half of the answer's body comes, and then nothing more.
 * - `cut`: half of it comes, and then the connection breaks.
 * - `corrupt`: one byte of it is another one.
 * - `corrupt-upload`: one byte of the request's body is another one.
 * - `swallow`: no answer comes at all.
 * - `lose-answer`: the request arrives, and the connection breaks before its answer.
 * - `refuse`: the connection breaks at once.
 * - `busy`: the answer is 503 SlowDown.
 * - `hold`: it arrives only once `release` is called, whether anyone still waits for its answer or not.
 */
export type Fault =
  | 'pass'
  | 'stall'
  | 'cut'
  | 'corrupt'
  | 'corrupt-upload'
  | 'swallow'
  | 'lose-answer'
  | 'refuse'
  | 'busy'
  | 'hold';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  /** Counted from 0 since the last `reset`. */
  readonly number: number;
}

/** Stands before a real server, and gets in its way. */
export interface FaultyProxy {
  readonly endpoint: string;
  /** Decides for each request. */
  fault: (request: SeenRequest) => Fault;
  /** What was asked since the last `reset`. */
  readonly requests: readonly SeenRequest[];
  reset(): void;
  /** Lets what is held arrive, and tells when it has been answered. */
  release(): Promise<void>;
  /** How many requests wait for the end of their answer on a connection that is open. */
  waiting(): number;
  close(): Promise<void>;
}

export async function faultyProxy(target: string): Promise<FaultyProxy> {
  const requests: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  const held: (() => Promise<void>)[] = [];
  let waiting = 0;
  const server = createServer((incoming, answer) => {
    const seen = { method: incoming.method ?? '', path: incoming.url ?? '', number: requests.length };
    requests.push(seen);
    waiting++;
    answer.once('close', () => waiting--);
    const fault = proxy.fault(seen);
    if (fault === 'hold') held.push(holding(new URL(target), incoming));
    else forward(new URL(target), incoming, answer, fault);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: FaultyProxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fault: () => 'pass',
    requests,
    reset() {
      requests.length = 0;
      proxy.fault = () => 'pass';
    },
    async release() {
      await Promise.all(held.splice(0).map((send) => send()));
    },
    waiting: () => waiting,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

function forward(target: URL, incoming: IncomingMessage, answer: ServerResponse, fault: Fault): void {
  if (fault === 'refuse') return void incoming.socket.destroy();
  if (fault === 'swallow') return void incoming.resume();
  if (fault === 'busy') {
    incoming.resume();
    incoming.once('end', () => answer.writeHead(503, { 'content-type': 'application/xml' }).end(SLOW_DOWN));
    return;
  }
  const { method, url: path, headers } = incoming;
  const upstream = request({ hostname: target.hostname, port: target.port, method, path, headers });
  upstream.once('response', (response) => {
    if (fault === 'lose-answer') return void incoming.socket.destroy();
    answer.writeHead(response.statusCode ?? 500, response.headers);
    sendBody(response, answer, fault);
  });
  upstream.once('error', () => incoming.socket.destroy());
  let first = fault === 'corrupt-upload';
  incoming.on('data', (piece: Buffer) => {
    upstream.write(first ? flipped(piece) : piece);
    first = false;
  });
  incoming.once('end', () => upstream.end());
}

/** Takes a request in; the result sends it on. */
function holding(target: URL, incoming: IncomingMessage): () => Promise<void> {
  const { method, url: path, headers } = incoming;
  const pieces: Buffer[] = [];
  incoming.on('data', (piece: Buffer) => pieces.push(piece));
  const arrived = new Promise<void>((resolve) => incoming.once('end', () => resolve()));
  return async () => {
    await arrived;
    await new Promise<void>((resolve, reject) => {
      const upstream = request({ hostname: target.hostname, port: target.port, method, path, headers }, (answer) => {
        answer.resume();
        answer.once('end', () => resolve());
      });
      upstream.once('error', reject);
      upstream.end(Buffer.concat(pieces));
    });
  };
}

function sendBody(response: IncomingMessage, answer: ServerResponse, fault: Fault): void {
  const pieces: Buffer[] = [];
  response.on('data', (piece: Buffer) => pieces.push(piece));
  response.once('end', () => {
    const body = Buffer.concat(pieces);
    if (fault === 'pass' || fault === 'corrupt-upload') return void answer.end(body);
    if (fault === 'corrupt') return void answer.end(flipped(body));
    answer.write(body.subarray(0, body.length / 2), () => {
      if (fault === 'cut') answer.socket?.destroy();
    });
  });
}

function flipped(bytes: Buffer): Buffer {
  const damaged = Buffer.from(bytes);
  const middle = damaged.length >> 1;
  if (damaged.length > 0) damaged[middle] = (damaged[middle] as number) ^ 1;
  return damaged;
}

const SLOW_DOWN =
  '<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>';
