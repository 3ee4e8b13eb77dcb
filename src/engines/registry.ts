/** The engines that there are: one line each, and one for their facts in protocol/engines.ts. */
import { type EngineChoice, engineName } from "../protocol/engine-facts.ts";
import { DEFAULT_ENGINE } from "../protocol/engines.ts";
import { Registry } from "../util/registry.ts";
import type { Engine } from "./engine.ts";
import { onnxEngine } from "./onnx.ts";

export const ENGINES = new Registry<Engine>("engine", [onnxEngine]);

/** @throws InputError for an engine that this version does not have */
export function engineOf({ engine }: { engine: EngineChoice }): Engine {
  return ENGINES.get(engineName(engine));
}

/** The engine for what no recipe speaks of: a model or an adapter on its own. */
export function defaultEngine(): Engine {
  return ENGINES.get(DEFAULT_ENGINE.name);
}
