/** Compiles a training step on a device, and has it checked where a runtime has yet to prove itself. */
import type { Example } from "../data/example.ts";
import type { Trainable } from "../objectives/engine.ts";
import { errorMessage } from "../util/errors.ts";
import { type Device, compileOnDevice, describe, fallBack } from "./device.ts";
import type { GraphOptions, TrainingGraph } from "./ort-graphs.ts";
import type { CompileOptions, CompiledGraph } from "./runtime.ts";
import { BFLOAT16_TOLERANCE, stepError } from "./step-check.ts";
import type { StepPlan } from "./step-form.ts";
import { parameterFeeds, startFeeds } from "./tuned-base.ts";

interface Compiling {
  graph: TrainingGraph;
  graphOptions: GraphOptions;
  sessionOptions: CompileOptions;
  plan: StepPlan;
  trainables: readonly Trainable[];
  parameters: Float32Array;
  wished: Device;
  log: (line: string) => void;
}

/** The training step on the device that was wished, if it computes rightly there; else on the processor. */
export async function compileTraining(
  state: Compiling,
  sample: readonly Example[] = [],
): Promise<{ session: CompiledGraph; device: Device }> {
  const { graph, sessionOptions, wished, log } = state;
  const started = performance.now();
  let compiled = await compileOnDevice(wished, graph.graph, sessionOptions);
  if (compiled.device.precision === "bfloat16") {
    const wrong = await wrongStep({ ...state, session: compiled.session }, sample);
    if (wrong !== undefined) {
      await compiled.session.dispose();
      const device = fallBack(wrong, "float32");
      compiled = { session: await device.runtime.compile(graph.graph, sessionOptions), device };
    }
  }
  const { device } = compiled;
  if (device !== wished) log(`training step: ${device.note}`);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const { nodes } = graph.graph;
  log(`compiled the training step: ${nodes.length} nodes in ${seconds} s, on ${describe(device)}`);
  return compiled;
}

/** What is wrong with a step that is compiled, if anything is. */
async function wrongStep(
  state: Compiling & { session: CompiledGraph },
  sample: readonly Example[],
): Promise<string | undefined> {
  const { graphOptions, sessionOptions, trainables, parameters, log } = state;
  const { verdict } = state.session;
  const starts = startFeeds(graphOptions.tuning.adapter, { trainables, parameters });
  const feeds = { ...parameterFeeds(trainables, parameters), ...starts };
  try {
    const checked = { ...state, compileOptions: sessionOptions, parameterFeeds: feeds };
    const known = verdict?.relativeError;
    const error = known ?? (await stepError(checked, sample));
    if (error === undefined) return undefined;
    if (known === undefined) await verdict?.keep(error);
    const percent = `${(100 * error).toFixed(1)} %`;
    if (error > BFLOAT16_TOLERANCE) return `bfloat16's gradients are ${percent} off float32's here`;
    const where = known === undefined ? "on the first rows" : "as checked before";
    log(`bfloat16's gradients are within ${percent} of float32's, ${where}`);
    return undefined;
  } catch (error) {
    return `bfloat16 can't be used: ${errorMessage(error)}`;
  }
}
