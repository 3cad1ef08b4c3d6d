import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { offer } from '../child.ts';

const tasks = {
  /** Passes on what comes for a server, so many milliseconds later. Returns where it listens. */
  async listen({ port, delayMs }: { readonly port: number; readonly delayMs: number }): Promise<number> {
    const server = createServer((near) => {
      const far = connect(port, '127.0.0.1');
      near.on('data', (piece) => void setTimeout(() => far.write(piece), delayMs));
      near.on('end', () => void setTimeout(() => far.end(), delayMs));
      far.pipe(near);
      endTogether(near, far);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  },
};

export type SlowProxyTasks = typeof tasks;

function endTogether(...sockets: readonly Socket[]): void {
  for (const socket of sockets) {
    socket.setNoDelay(true);
    socket.on('error', () => sockets.forEach((one) => void one.destroy()));
  }
}

offer(tasks);
