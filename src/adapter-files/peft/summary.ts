import { elementCount } from "../../util/element-count.ts";
import { pathExists } from "../../util/path-exists.ts";
import { totalBytes } from "../../util/total-bytes.ts";
import { adapterClassifier } from "../classifier-head.ts";
import type { AdapterFormat } from "../format.ts";
import { configFile, readPeftFolder } from "./folder.ts";
import { PEFT_KINDS } from "./kinds.ts";
import { peftScore } from "./score.ts";
import { unsupportedType } from "./types.ts";

export const PEFT: AdapterFormat = {
  name: "PEFT",
  owns: (place) => pathExists(configFile(place)),
  summarise: async (dir) => {
    const folder = await readPeftFolder(dir);
    const { peft_type: type, base_model_name_or_path: base } = folder.config;
    const kind = PEFT_KINDS.find(type);
    if (!kind) throw unsupportedType(folder.file, type);
    const { tensors: own, paths, extras, ...facts } = kind.contents(folder);
    const beside = extras
      ? [...extras.whole.values(), ...[...extras.rows.values()].map(({ values }) => values)]
      : [];
    const tensors = [...own, ...beside, peftScore(folder) ?? []].flat();
    const classifier = await adapterClassifier(folder, undefined);
    return {
      method: kind.title(folder.config),
      ...facts,
      ...(classifier ? { labels: classifier.labels.length } : {}),
      parameters: tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0),
      bytes: await totalBytes([...new Set(tensors.map((info) => info.file))]),
      ...(base ? { base } : {}),
      targets: [...new Set(paths.map((each) => each.split(".").at(-1) ?? ""))].toSorted(),
    };
  },
};
