/** Adapters of representation fine-tuning between Retune's folder and pyreft's. */
import path from "node:path";
import { InputError } from "../util/errors.ts";
import { pathExists } from "../util/path-exists.ts";
import { parsePositions } from "../adapter-files/reft/positions.ts";
import { readPyreftFolder, writePyreftFolder } from "../adapter-files/reft/pyreft-folder.ts";
import {
  isReftAdapter,
  readReftAdapter,
  writeReftAdapter,
} from "../adapter-files/reft/reft-adapter.ts";
import {
  classifierFiles,
  numberedClassifier,
  readClassifierFile,
} from "../adapter-files/classifier-head.ts";
import { type Command, parseArguments } from "./command.ts";
import { print } from "./output.ts";

async function toPyreft(dir: string, out: string): Promise<void> {
  if (!(await isReftAdapter(dir))) {
    throw new InputError(
      `${dir} has no reft_config.json: only loreft, direft and noreft go to pyreft`,
    );
  }
  const { config, interventions, head } = await readReftAdapter(dir);
  const classifier = await readClassifierFile(dir);
  if (classifier && classifier.pooling !== "last") {
    throw new InputError(
      `${dir}: its head reads the ${classifier.pooling} state of a row, and transformers' model in pyreft the last token's; train with objective.pooling "last" for pyreft`,
    );
  }
  await writePyreftFolder(
    out,
    interventions.map(({ unit, ...one }) => ({
      ...one,
      component: "block_output",
      positionIndex: unit,
      linkedTo: null,
    })),
    head,
  );
  const labels = classifier ? `, labels ${classifier.labels.join(", ")}` : "";
  print(
    `${out}: pyreft's files; they do not say positions ${config.positions}, tied ${config.tied}${labels}`,
  );
  if (classifier) {
    print(
      `  head in pytorch_model.bin: load with include_model=True into a …ForSequenceClassification of ${classifier.labels.length} labels`,
    );
  }
}

async function fromPyreft(
  dir: string,
  out: string,
  { positions, base }: { positions: string; base: string | undefined },
): Promise<void> {
  const { first, last } = parsePositions(positions);
  const { interventions, head, baseModel } = await readPyreftFolder(dir);
  const units = new Set(interventions.map(({ positionIndex }) => positionIndex));
  const linked = interventions.some(({ linkedTo }) => linkedTo !== null);
  const own = interventions.filter(({ linkedTo }) => linkedTo === null);
  const tied = linked || units.size === 1;
  if (!tied && (first === 0 || last === 0)) {
    throw new InputError(
      `${dir} has interventions for both ends of the prompt, but --positions is ${positions}; give both, e.g. f7+l7`,
    );
  }
  const config = { baseModel: base ?? baseModel ?? "", positions, tied, dropout: 0 };
  await writeReftAdapter(
    out,
    config,
    own.map((one) => ({ ...one, unit: tied ? 0 : one.positionIndex })),
    head && { ...head, files: classifierFiles(numberedClassifier(head.labels)) },
  );
  const labelled = head ? `, and a head of ${head.labels} labels, which are numbered` : "";
  print(`${out}: ${own.length} interventions at ${positions}${tied ? ", tied" : ""}${labelled}`);
}

export const convertCommand: Command = {
  usage: "convert ADAPTER --to pyreft|reft --out DIR",
  summary: "interventions to pyreft's files, and from them",
  help: `  ADAPTER          an adapter folder of loreft, direft or noreft, or pyreft's folder
  --to pyreft      the files that pyreft's ReftModel.load takes
  --to reft        Retune's own folder, from pyreft's
  --out DIR        the folder to write
  --positions P    with --to reft: what pyreft's files leave out, e.g. f7+l7
  --base NAME      with --to reft: the base model's name or path, to be written down`,
  run: async (args) => {
    const { values, positionals } = parseArguments(args, {
      options: {
        to: { type: "string" },
        out: { type: "string" },
        positions: { type: "string" },
        base: { type: "string" },
      },
      positionals: ["ADAPTER"],
    });
    const { to, out, positions, base } = values;
    const dir = path.resolve(positionals[0] ?? "");
    if (!(await pathExists(dir))) throw new InputError(`${dir} does not exist`);
    if (out === undefined) throw new InputError("--out DIR is missing");
    const target = path.resolve(out);
    if (await pathExists(target)) throw new InputError(`${target} exists; name a new folder`);
    if (to === "pyreft") await toPyreft(dir, target);
    else if (to !== "reft") throw new InputError(`--to must be pyreft or reft, found "${to}"`);
    else if (positions === undefined) {
      throw new InputError("--positions is missing: pyreft's files do not say them, e.g. f7+l7");
    } else await fromPyreft(dir, target, { positions, base });
    return 0;
  },
};
