import { PlumbError } from "../errors";
import { say } from "../say";

/** A place in the label tree where the next token decides between labels. */
export interface Branch {
  /** Branch that this one hangs under, -1 for the first. */
  readonly parent: number;
  /** Tokens between the parent's place (or the end of the text) and this one; the parent's candidate is the first of them. */
  readonly tokens: readonly number[];
  /** Tokens that the model chooses between here. */
  readonly candidates: readonly number[];
}

/**
 * Label words as a tree of tokens, reduced to the places that decide anything: P(label) is the product over its path.
 * A label that is the beginning of another gets the end mark as its last token.
 */
export interface LabelTree {
  /** Parents come before their children. */
  readonly branches: readonly Branch[];
  /** For each label, from the first branch on: which branch, and which of its candidates. */
  readonly paths: readonly (readonly { branch: number; candidate: number }[])[];
}

interface Node {
  children: Map<number, Node>;
  /** Label that ends here, -1 for none. */
  label: number;
}

/**
 * @param words Tokens of each label, in the order of the labels; at least two labels.
 * @param names For messages, in the same order.
 * @throws PlumbError where a label has no tokens or two labels are the same tokens.
 */
export function buildLabelTree(
  words: readonly (readonly number[])[],
  endMark: number,
  names: readonly string[],
): LabelTree {
  if (words.length < 2) {
    throw new PlumbError("labels-few", say`A label set needs at least two labels, found ${words.length}.`);
  }
  const root: Node = { children: new Map(), label: -1 };
  words.forEach((tokens, label) => {
    if (tokens.length === 0) {
      throw new PlumbError(
        "label-empty",
        say`Label "${names[label]!}" has no tokens for this base model. Give it a "word".`,
      );
    }
    let node = root;
    for (const token of tokens) {
      let next = node.children.get(token);
      if (next === undefined) {
        next = { children: new Map(), label: -1 };
        node.children.set(token, next);
      }
      node = next;
    }
    if (node.label !== -1) {
      throw new PlumbError(
        "label-same",
        say`Labels "${names[node.label]!}" and "${names[label]!}" are the same tokens for this base model. Give one of them another "word".`,
      );
    }
    node.label = label;
  });

  const branches: Branch[] = [];
  const paths: { branch: number; candidate: number }[][] = words.map(() => []);
  const visit = (
    from: Node,
    parent: number,
    firstTokens: number[],
    trail: { branch: number; candidate: number }[],
  ) => {
    const tokens = [...firstTokens];
    let node = from;
    while (node.children.size === 1 && node.label === -1) {
      const [token, child] = node.children.entries().next().value!;
      tokens.push(token);
      node = child;
    }
    if (node.children.size === 0) {
      paths[node.label] = trail;
      return;
    }
    const branch = branches.length;
    const children = [...node.children];
    const candidates = children.map(([token]) => token);
    if (node.label !== -1) candidates.push(endMark);
    branches.push({ parent, tokens, candidates });
    if (node.label !== -1) paths[node.label] = [...trail, { branch, candidate: candidates.length - 1 }];
    children.forEach(([token, child], candidate) => {
      visit(child, branch, [token], [...trail, { branch, candidate }]);
    });
  };
  visit(root, -1, [], []);
  return { branches, paths };
}

/** log P(label) of every label from the log-probabilities at the branches: `at(branch, candidate)`. */
export function labelLogProbabilities(
  tree: LabelTree,
  at: (branch: number, candidate: number) => number,
): number[] {
  return tree.paths.map((path) =>
    path.reduce((sum, { branch, candidate }) => sum + at(branch, candidate), 0),
  );
}
