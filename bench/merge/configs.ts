/** The same merge of two models, for both tools. Methods that need a base take the first model for it. */
const DENSITY = 0.5;

/** @param method as mergekit spells it */
export function retuneFlags(method: string, a: string, b: string): string[] {
  const name = method.replaceAll("_", "-");
  switch (method) {
    case "linear":
      return [a, b, "--method", name, "--weight", "0.5", "--weight", "0.5"];
    case "slerp":
      return [a, b, "--method", name, "--t", "0.5"];
    case "nuslerp":
    case "multislerp":
      return [a, b, "--method", name, "--weight", "0.5"];
    case "karcher":
      return [a, b, "--method", name];
    case "sce":
    case "arcee_fusion":
      return [b, "--base", a, "--method", name];
    case "nearswap":
      return [b, "--base", a, "--method", name, "--t", "0.001"];
    case "task_arithmetic":
      return [b, "--base", a, "--method", name, "--weight", "0.5"];
    case "ties":
    case "dare_ties":
    case "dare_linear":
    case "della":
    case "breadcrumbs":
      return [b, "--base", a, "--method", name, "--weight", "0.5", "--density", String(DENSITY)];
    default:
      throw new Error(`--methods: "${method}" is none of the measured`);
  }
}

const WITHOUT_BASE = new Set(["linear", "nuslerp", "multislerp", "karcher"]);

export function mergekitYaml(method: string, a: string, b: string): string {
  const config = {
    merge_method: method,
    dtype: "bfloat16",
    ...(WITHOUT_BASE.has(method)
      ? { models: [a, b].map((model) => ({ model, parameters: { weight: 0.5 } })) }
      : {
          models: [{ model: b, parameters: { weight: 0.5, density: DENSITY } }],
          base_model: a,
          parameters: method === "nearswap" ? { t: 0.001 } : { t: 0.5 },
        }),
  };
  // JSON is YAML.
  return JSON.stringify(config);
}
