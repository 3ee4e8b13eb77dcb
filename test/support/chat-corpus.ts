/** Random conversations for a chat template: strange ones too, with the words that the template looks for in them. */
import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

export interface CorpusRow {
  messages: Record<string, unknown>[];
  /** The tokenizer's special tokens. */
  variables: Record<string, string>;
}

const PIECES = [
  ...String.raw`a Z 0 9 . , : ; ! ? ' " \ / | < > [ ] { } ( ) # % & * + - = _ ~ ^ @ $ \n \u00e9`.split(
    " ",
  ),
  ..."\n|\n\n|\r\n|\r|\t| |  |\u00a0|\u2028|\u3000|\u200b|def f():\n    return 1\n".split("|"),
  ...`é e\u0301 ß İ ŉ ǆ Σς ² ٣ 中文 👩‍👧 𝒳 \u{10FFFF} \uE0A0 \uFFFD`.split(" "),
  ..."the Brest river? true None 5.0 1e20 <b>&amp;</b> system user assistant".split(" "),
  ..."{{ x }}, {% if %}, {# c #}, <think>\nhm\n</think>\n\n".split(", "),
  ..."<think> </think> /think /no_think </s> <|im_end|> [INST]".split(" "),
];
const ROLES = [
  "system",
  "user",
  "assistant",
  "user",
  "assistant",
  "tool",
  "developer",
  "critic",
  "model",
  "",
];
const TOKENS = ["<s>", "</s>", "<|endoftext|>", "<unk>", "[PAD]", "", "<é>"];
const NAMES = ["bos_token", "eos_token", "unk_token", "pad_token", "cls_token"];

/** The same for the same template. */
export function chatCorpus(source: string, rows: number): CorpusRow[] {
  const random = xoroshiro128plus(rows);
  const below = (limit: number): number => uniformInt(random, 0, limit - 1);
  const oneOf = <T>(from: readonly T[]): T => {
    const found = from[below(from.length)];
    if (found === undefined) throw new Error("nothing to choose from");
    return found;
  };
  const pieces = [...PIECES, ...literalsOf(source)];
  const text = (): string =>
    Array.from({ length: below(below(4) === 0 ? 20 : 5) }, () => oneOf(pieces)).join("");
  const weigh = (): Record<string, unknown> =>
    oneOf([{ weight: 0 }, { weight: 1 }, { train: false }, { train: true }]);
  const message = (role: string): Record<string, unknown> => {
    const shown = { role, content: text() };
    return below(8) === 0 ? { ...shown, ...weigh() } : shown;
  };
  return Array.from({ length: rows }, () => {
    const isOrderly = below(3) > 0;
    const roles = isOrderly
      ? turns(below)
      : Array.from({ length: 1 + below(6) }, () => oneOf(ROLES));
    const named = NAMES.filter(() => below(3) > 0);
    return {
      messages: roles.map(message),
      variables: Object.fromEntries(named.map((name) => [name, oneOf(TOKENS)])),
    };
  });
}

/** As conversations are. */
function turns(below: (limit: number) => number): string[] {
  const asked = Array.from({ length: 1 + below(4) }, () => ["user", "assistant"]).flat();
  return [
    ...(below(3) === 0 ? ["system"] : []),
    ...asked.slice(0, asked.length - (below(4) === 0 ? 1 : 0)),
  ];
}

/** What stands in quotes in a template. */
function literalsOf(source: string): string[] {
  const found = source.matchAll(/'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/gsu);
  const texts = [...found].map(([, single, double]) => single ?? double ?? "");
  const plain = texts.map((each) =>
    each.replaceAll("\\n", "\n").replaceAll("\\t", "\t").replaceAll(/\\(.)/gsu, "$1"),
  );
  return [...new Set(plain)].filter((each) => each !== "" && each.length < 200);
}
