/** Who takes part in a comparison, in the precision of its configuration. */
import type { Context, TrainWorker } from "./context.ts";
import type { TrainConfig } from "./protocol.ts";

/** Ours; in bfloat16 what it is in float32 stands beside it, measured as a peer is. */
export function oursAndFloat32(config: TrainConfig): TrainWorker[] {
  const ours: TrainWorker = { name: "retune", side: "retune", config };
  if (config.precision === "float32") return [ours];
  const float32: TrainConfig = { ...config, precision: "float32" };
  return [ours, { name: "retune-float32", side: "retune", config: float32 }];
}

type PeerForm = NonNullable<TrainConfig["peer"]> & Pick<TrainWorker, "tunedMalloc">;

/** PyTorch in one of its forms; under autocast its name says so. */
export function peer(
  config: TrainConfig,
  name: string,
  { tunedMalloc = false, ...form }: PeerForm = {},
): TrainWorker {
  return {
    name: config.precision === "float32" ? name : `autocast-${name}`,
    side: "pytorch",
    config: { ...config, peer: form },
    tunedMalloc,
  };
}

/** A step against every form of the peer; each list takes turns in a window of its own, else memory runs out. */
export function stepWindows({ quick }: Context, config: TrainConfig): TrainWorker[][] {
  const ours: TrainWorker = { name: "retune", side: "retune", config };
  const eager = [peer(config, "eager"), peer(config, "tuned", { tunedMalloc: true })];
  const compiled = peer(config, "compiled", { compile: true, tunedMalloc: true });
  if (config.precision === "float32") return [[ours, ...eager, ...(quick ? [] : [compiled])]];
  const first = [...oursAndFloat32(config), ...eager, halfWeights(config)];
  return quick ? [first] : [first, [ours, compiled, halfWeights(config, { compile: true })]];
}

/**
 * All weights in bfloat16, the adapter's and so its optimizer's too: PyTorch's fastest here, though updates below a
 * weight's last bit are lost. Tried and slower: the same with a float32 adapter, with or without autocast (1.06 and
 * 1.13 times), and float32 with set_float32_matmul_precision("medium") (1.5 times).
 */
export function halfWeights(config: TrainConfig, form: PeerForm = {}): TrainWorker {
  const worker = peer(config, "", { ...form, weights: "bfloat16", tunedMalloc: true });
  return { ...worker, name: form.compile ? "bfloat16-weights-compiled" : "bfloat16-weights" };
}
