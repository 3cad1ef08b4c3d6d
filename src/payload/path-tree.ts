/** Paths by their first component. */
export type PathTree<T> = ReadonlyMap<string, Branch<T>>;
/** Where a component leads: further on, or to the end of a path. */
export type Branch<T> = PathTree<T> | { readonly leaf: T };

/** No path may lead through the end of another. */
export function pathTree<T>(entries: readonly (readonly [path: readonly string[], leaf: T])[]): PathTree<T> {
  const below = new Map<string, (readonly [path: readonly string[], leaf: T])[]>();
  for (const [[first = '', ...rest], leaf] of entries) {
    const group = below.get(first) ?? [];
    group.push([rest, leaf]);
    below.set(first, group);
  }
  return new Map([...below].map(([first, group]) => [first, branchOf(group)]));
}

function branchOf<T>(group: readonly (readonly [path: readonly string[], leaf: T])[]): Branch<T> {
  const ending = group.find(([rest]) => rest.length === 0);
  return ending === undefined ? pathTree(group) : { leaf: ending[1] };
}

export function isLeaf<T>(branch: Branch<T>): branch is { readonly leaf: T } {
  return 'leaf' in branch;
}
