/** A dense training step against TensorFlow.js, the other way to train in Node. */
import path from "node:path";
import { errorMessage } from "../../src/util/errors.ts";
import { type Context, nodeCommand, writeInput } from "./context.ts";
import { DENSE, type DenseConfig, denseFlops } from "./dense-step.ts";
import { type CaseResult, summarise, windowTable } from "./report.ts";
import { checkLosses, firstLosses } from "./training-window.ts";
import { TFJS_BACKENDS, TFJS_VERSION, installTfjs } from "./tfjs-install.ts";
import { runWindow } from "./window.ts";

export async function tfjsCase(context: Context): Promise<CaseResult> {
  const { threads, rounds, log } = context;
  const workers = [
    nodeCommand(
      context,
      "dense-retune-worker",
      "retune",
      writeInput(context, "dense.retune", { threads }),
    ),
  ];
  const notes: string[] = [];
  for (const backend of TFJS_BACKENDS) {
    const dir = path.join(context.outDir, `tfjs-${backend}`);
    const name = `tfjs-${backend}`;
    try {
      const how = installTfjs(dir, backend, context.python);
      const config: DenseConfig = { threads, modules: { dir, backend } };
      const file = writeInput(context, `dense.${backend}`, config);
      workers.push(nodeCommand(context, "dense-tfjs-worker", name, file));
      notes.push(`${name}: ${TFJS_VERSION}, ${how}.`);
    } catch (error) {
      notes.push(`${name} is left out, it could not be installed: ${errorMessage(error)}`);
    }
  }
  const result = await runWindow({ workers, gemm: [], rounds, warmSteps: 2, log });
  checkLosses(firstLosses(result.workers));
  const summary = summarise(result, { ours: ["retune"], flopsPerRound: denseFlops() });
  const { width, inner, blocks, batch } = DENSE;
  return {
    title: `${blocks} × (${width} → ${inner} → ${width}), batch ${batch}, Adam, all weights trained`,
    table: [windowTable(summary), ...notes].join("\n\n"),
    data: { ...summary, notes },
  };
}
