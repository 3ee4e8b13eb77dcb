/** Every engine that a recipe may name. What executes is in src/engines. */
import { Registry } from "../util/registry.ts";
import type { EngineFacts } from "./engine-facts.ts";
import { ONNX } from "./engines/onnx.ts";

export const ENGINE_FACTS = new Registry<EngineFacts>("engine", [ONNX]);

/** The engine of a recipe that names none. */
export const DEFAULT_ENGINE: EngineFacts = ONNX;
