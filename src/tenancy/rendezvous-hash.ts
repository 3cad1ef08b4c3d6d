import { hash64 } from './hash.ts';

/**
 * Rendezvous hashing (highest random weight): each node is weighed by its name together with the key, and the heaviest
 * has it. The order of the nodes plays no part. With a node more, a key stays where it is or moves to the new one, which
 * gets 1/n of them; with one less, only its own keys move.
 */
export function rendezvousHash<N extends string>(key: string, nodes: readonly [N, ...N[]]): N {
  const [first, ...rest] = nodes;
  let best = first;
  let weight = weigh(first, key);
  for (const node of rest) {
    const other = weigh(node, key);
    if (other > weight || (other === weight && node < best)) [best, weight] = [node, other];
  }
  return best;
}

/** The length keeps a node and key apart from another pair that reads the same in a row. */
function weigh(node: string, key: string): bigint {
  return hash64(`${node.length}:${node}${key}`);
}
