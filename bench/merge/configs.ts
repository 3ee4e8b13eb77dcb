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
    case "task_arithmetic":
      return [b, "--base", a, "--method", name, "--weight", "0.5"];
    case "ties":
    case "dare_ties":
    case "dare_linear":
      return [b, "--base", a, "--method", name, "--weight", "0.5", "--density", String(DENSITY)];
    default:
      throw new Error(`--methods: "${method}" is none of the measured`);
  }
}

export function mergekitYaml(method: string, a: string, b: string): string {
  const config = {
    merge_method: method,
    dtype: "bfloat16",
    ...(method === "linear"
      ? { models: [a, b].map((model) => ({ model, parameters: { weight: 0.5 } })) }
      : method === "slerp"
        ? { models: [{ model: a }, { model: b }], base_model: a, parameters: { t: 0.5 } }
        : {
            models: [{ model: b, parameters: { weight: 0.5, density: DENSITY } }],
            base_model: a,
          }),
  };
  // JSON is YAML.
  return JSON.stringify(config);
}
