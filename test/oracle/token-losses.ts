/**
 * Losses of conversations under every kind of tokenizer in test/golden/data/offsets, ours against
 * transformers': `npx tsx test/oracle/token-losses.ts PYTHON`. The model is a tiny one of random weights.
 */
import { execFile } from "node:child_process";
import { copyFile, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { evaluateFile } from "../../src/evaluation/evaluate-file.ts";
import { writeTinyLlama } from "../support/tiny-llama.ts";

/** Sums of float32 in another order. */
const TOLERANCE = 2e-5;
const GOLDEN = path.join(import.meta.dirname, "../golden/data/offsets");
/** TinyLlama's. */
const TEMPLATE =
  "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + message['content'] + eos_token }}\n{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}";

/** One turn, and six, with what normalisers and byte tokens make hard. */
const CONVERSATIONS = [
  ["Capital of France?", "Paris"],
  [
    "Hi",
    "  two spaces\n\n",
    "e\u0301?",
    "cafe\u0301 ﬁne ＦＵＬＬ",
    "👩‍👩‍👧?",
    "👩‍👩‍👧 日本 𝔘",
    "Where?",
    "Brest",
  ],
  ["<mask> a", "b <mask> c <tool>  d", "x", "Brest"],
];

const [python = "python3"] = process.argv.slice(2);
const work = await mkdtemp(path.join(tmpdir(), "retune-token-losses-"));
let failures = 0;
try {
  const folders: Record<string, string> = {};
  for (const name of await readdir(GOLDEN)) {
    if (name === "cases.json") continue;
    const dir = path.join(work, path.basename(name, ".json"));
    folders[path.basename(dir)] = dir;
    writeTinyLlama(dir, { vocabulary: 512 });
    await copyFile(path.join(GOLDEN, name), path.join(dir, "tokenizer.json"));
    const config = { tokenizer_class: "PreTrainedTokenizerFast", eos_token: "</s>" };
    await writeFile(path.join(dir, "tokenizer_config.json"), JSON.stringify(config));
    await writeFile(path.join(dir, "chat_template.jinja"), TEMPLATE);
    const rows = CONVERSATIONS.map((turns) => {
      const roles = ["user", "assistant"];
      const messages = turns.map((content, turn) => ({ role: roles[turn % 2], content }));
      return JSON.stringify({ messages });
    });
    await writeFile(path.join(dir, "rows.jsonl"), rows.join("\n"));
  }
  const script = path.join(import.meta.dirname, "token_losses.py");
  const { stdout } = await promisify(execFile)(python, [script, JSON.stringify(folders)]);
  type Losses = Record<string, { loss: number; tokens: number }>;
  const theirs = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Losses;
  for (const [kind, dir] of Object.entries(folders)) {
    const { figures } = await evaluateFile({
      baseDir: dir,
      dataFile: path.join(dir, "rows.jsonl"),
      lossOn: "auto",
      device: "cpu",
      log: () => {},
    });
    const expected = theirs[kind];
    const isSame =
      expected !== undefined &&
      figures.tokens === expected.tokens &&
      Math.abs(figures.loss - expected.loss) <= TOLERANCE;
    if (!isSame) failures++;
    console.log(
      `${isSame ? "same" : "DIFFERENT"}  ${kind}: ${figures.loss.toFixed(6)} of ${figures.tokens} tokens, transformers ${expected?.loss.toFixed(6)} of ${expected?.tokens}`,
    );
  }
} finally {
  await rm(work, { recursive: true, force: true });
}
process.exitCode = failures > 0 ? 1 : 0;
