/** Every command, as package.json contributes it. Run commands take a run folder's path or a tree row. */
export const COMMANDS = {
  startRun: "retune.startRun",
  startRunFromRecipe: "retune.startRunFromRecipe",
  freezeLayers: "retune.freezeLayers",
  layerPreset: "retune.layerPreset",
  measureLayers: "retune.measureLayers",
  saveLayers: "retune.saveLayers",
  closeLayers: "retune.closeLayers",
  stopRun: "retune.stopRun",
  resumeRun: "retune.resumeRun",
  openRun: "retune.openRun",
  showRecipe: "retune.showRecipe",
  showLog: "retune.showLog",
  copyRunId: "retune.copyRunId",
  deleteRun: "retune.deleteRun",
  mergeAdapter: "retune.mergeAdapter",
  generate: "retune.generate",
  reveal: "retune.reveal",
  revealRunOutput: "retune.revealRunOutput",
  copyPath: "retune.copyPath",
  addModelFolder: "retune.addModelFolder",
  removeModelFolder: "retune.removeModelFolder",
  refresh: "retune.refresh",
  showOutput: "retune.showOutput",
} as const;

export const VIEWS = {
  layers: "retune.layers",
  models: "retune.models",
  adapters: "retune.adapters",
  runs: "retune.runs",
} as const;
