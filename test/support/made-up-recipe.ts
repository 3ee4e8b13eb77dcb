/** What a provider would be asked for: method and objective are of no engine of ours. */
export const MADE_UP_RECIPE = {
  name: "walk-to-three",
  base: "cloud-model-4",
  engine: { type: "cloud", region: "north" },
  method: { type: "moe-lora", experts: 4 },
  objective: { type: "minimise", target: 3 },
  data: { train: "dataset-17", shards: [1, 2] },
  steps: 40,
  stepMs: 5,
  source: { createdAt: "2026-11-20T10:00:00.000Z", job: "job-9" },
} as const;
