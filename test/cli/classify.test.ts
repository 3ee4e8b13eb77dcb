/** Labels of texts: what `retune classify` says of them, against what `retune eval` computes. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type TestContext, test } from "node:test";
import type { RecipeInput } from "../../src/protocol/recipe.ts";
import { retune, tinyWorkspace, writeRecipe } from "../support/retune.ts";

type Row = { text: string } & Record<string, unknown>;
type Problem = "single-label" | "multi-label" | "regression";

/** Texts of many lengths, so that the evaluator's order is not the file's. */
function textOf(index: number): string {
  return index % 2 === 0
    ? `${index} plus ${index + 3}`
    : `the word ${"abcdefghijkl".slice(index % 9)}`;
}

const ROWS: Record<Problem, (index: number) => Row> = {
  "single-label": (index) => ({
    text: textOf(index),
    label: ["sum", "word", "end"][index % 3 === 2 ? 2 : index % 2],
  }),
  "multi-label": (index) => ({
    text: textOf(index),
    labels: [index % 2 === 0 ? "sum" : "word", ...(index % 3 === 0 ? ["third"] : [])],
  }),
  regression: (index) => ({ text: textOf(index), label: (index % 7) / 7 }),
};

interface Trained {
  dir: string;
  data: string;
  rows: readonly Row[];
  /** A command's arguments for base and adapter. */
  model: readonly string[];
}

async function trained(
  t: TestContext,
  problem: Problem,
  method: RecipeInput["method"],
): Promise<Trained> {
  const dir = tinyWorkspace(t);
  const rows = Array.from({ length: 24 }, (_, index) => ROWS[problem](index));
  const data = path.join(dir, "train.jsonl");
  writeFileSync(data, rows.map((row) => JSON.stringify(row)).join("\n"));
  const recipe = writeRecipe(dir, {
    data: { train: "train.jsonl", maxLength: 48 },
    objective: { type: "classification", problem },
    method,
    epochs: 3,
  });
  const run = path.join(dir, "run");
  const { code, stderr } = await retune("train", recipe, "--run-dir", run);
  assert.equal(code, 0, stderr);
  const isWhole = method?.type === "head" || method?.type === "full";
  const model = isWhole
    ? [path.join(run, "model")]
    : [path.join(dir, "model"), "--adapter", path.join(run, "adapter")];
  return { dir, data, rows, model };
}

async function jsonLines<T>(...args: readonly string[]): Promise<T[]> {
  const { code, stdout, stderr } = await retune(...args);
  assert.equal(code, 0, stderr);
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as T);
}

/** What both commands say of the same rows: the evaluation, and a line for each row. */
async function bothOf<E, L>({
  data,
  model,
}: Pick<Trained, "data" | "model">): Promise<{ evaluation: E | undefined; found: L[] }> {
  const [evaluation] = await jsonLines<E>("eval", ...model, "--data", data, "--json");
  const found = await jsonLines<L>("classify", ...model, "--file", data, "--json");
  return { evaluation, found };
}

interface Labelled {
  text: string;
  labels: string[];
  scores: { label: string; probability: number }[];
}

const probabilityOf = ({ scores }: Labelled, label: unknown): number =>
  scores.find((one) => one.label === label)?.probability ?? Number.NaN;

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

test("one label: probabilities add up to 1, and give the evaluation's loss and accuracy", async (t) => {
  const { data, rows, model } = await trained(t, "single-label", { type: "lora", rank: 4 });
  const { evaluation, found } = await bothOf<{ loss: number; accuracy: number }, Labelled>({
    data,
    model,
  });
  assert.deepEqual(
    found.map(({ text }) => text),
    rows.map(({ text }) => text),
  );
  for (const { labels, scores } of found) {
    const sum = scores.reduce((total, { probability }) => total + probability, 0);
    assert.ok(Math.abs(sum - 1) < 1e-12, String(sum));
    assert.equal(scores.length, 3);
    assert.deepEqual(labels, [scores[0]?.label]);
  }
  const loss = mean(found.map((one, row) => -Math.log(probabilityOf(one, rows[row]?.["label"]))));
  // The evaluation sums float32 losses.
  assert.ok(Math.abs(loss - evaluation!.loss) < 1e-5, `${loss} ${evaluation!.loss}`);
  const right = found.map(({ labels }, row) => Number(labels[0] === rows[row]?.["label"]));
  assert.equal(mean(right), evaluation!.accuracy);
});

test("several labels: each probability stands for itself; a whole model needs no adapter", async (t) => {
  const { data, rows, model } = await trained(t, "multi-label", { type: "full" });
  const { evaluation, found } = await bothOf<{ loss: number }, Labelled>({ data, model });
  const losses = found.flatMap((one, row) =>
    one.scores.map(({ label, probability }) => {
      const isGiven = (rows[row]!["labels"] as string[]).includes(label);
      return -Math.log(isGiven ? probability : 1 - probability);
    }),
  );
  const loss = mean(losses);
  assert.ok(Math.abs(loss - evaluation!.loss) < 1e-5, `${loss} ${evaluation!.loss}`);
  for (const { labels, scores } of found) {
    const above = scores.filter(({ probability }) => probability > 0.5);
    assert.deepEqual(labels.toSorted(), above.map(({ label }) => label).toSorted());
  }
});

test("regression gives its number", async (t) => {
  const { data, rows, model } = await trained(t, "regression", { type: "head" });
  type Valued = { value: number };
  const { evaluation, found } = await bothOf<{ meanSquaredError: number }, Valued>({ data, model });
  const squares = found.map(({ value }, row) => (value - Number(rows[row]?.["label"])) ** 2);
  const difference = Math.abs(mean(squares) - evaluation!.meanSquaredError);
  assert.ok(difference < 1e-6, String(difference));
});

test("texts by option or a line each, the likeliest labels first; what can't be labelled is refused", async (t) => {
  const { dir, rows, model } = await trained(t, "single-label", { type: "head" });
  const [first, second] = [rows[0]!.text, rows[1]!.text];
  const texts = ["--text", first, "--text", second];
  const asked = await jsonLines<Labelled>("classify", ...model, ...texts, "--json", "--top", "2");
  assert.deepEqual(
    asked.map(({ text, scores }) => [text, scores.length]),
    [
      [first, 2],
      [second, 2],
    ],
  );
  assert.ok(asked[0]!.scores[0]!.probability >= asked[0]!.scores[1]!.probability);

  const file = path.join(dir, "texts.txt");
  writeFileSync(file, `${first}\r\n\r\n${second}\r\n`);
  const listed = await jsonLines<Labelled>("classify", ...model, "--file", file, "--json");
  assert.deepEqual(
    listed.map(({ text, scores }) => [text, scores.slice(0, 2)]),
    asked.map(({ text, scores }) => [text, scores]),
  );

  const { stdout } = await retune("classify", ...model, "--text", first, "--top", "1");
  const { label, probability } = asked[0]!.scores[0]!;
  assert.equal(stdout, `${first}\n  * ${label}  ${probability.toFixed(4)}\n`);

  const refused = async (message: RegExp, ...args: string[]): Promise<void> => {
    const { code, stderr } = await retune("classify", ...args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
  };
  const base = path.join(dir, "model");
  await refused(/is no classifier: it has no head that labels text/, base, "--text", first);
  await refused(/--text TEXT or --file FILE is missing/, ...model);
  const broken = path.join(dir, "broken.jsonl");
  writeFileSync(broken, `${JSON.stringify({ text: first })}\n{"prompt": "a"}\n`);
  await refused(/broken\.jsonl:2: "text" is missing/, ...model, "--file", broken);
});

test("model and adapter say how many labels they tell apart, from their files alone", async (t) => {
  const { dir, model } = await trained(t, "single-label", { type: "lora", rank: 4 });
  const labelsOf = async (place: string): Promise<unknown> => {
    const [facts] = await jsonLines<Record<string, unknown>>("inspect", place, "--json");
    return facts?.["labels"];
  };
  assert.equal(await labelsOf(model[2]!), 3);
  assert.equal(await labelsOf(path.join(dir, "model")), undefined);
  assert.ok(readFileSync(path.join(model[2]!, "classifier.json"), "utf8").includes("end"));
});
