// Which suites share a window, and what the workspace of that window holds.
import {
  brokenWorkspace,
  defaultsWorkspace,
  emptyWorkspace,
  historyWorkspace,
  hugeWorkspace,
  labelledWorkspace,
  labWorkspace,
  tinyWorkspace,
} from "./support/workspaces.ts";

export interface Group {
  name: string;
  /** Names of the suites of one window, in order. */
  suites: readonly string[];
  /** Fills the folder that the window opens. */
  prepare: (workspace: string) => void;
}

export const GROUPS: readonly Group[] = [
  { name: "activation", suites: ["activation"], prepare: emptyWorkspace },
  { name: "views", suites: ["trees", "commands", "evaluate"], prepare: historyWorkspace },
  { name: "bad-input", suites: ["recipes", "bad-input"], prepare: brokenWorkspace },
  { name: "freeze", suites: ["freeze"], prepare: brokenWorkspace },
  { name: "classification", suites: ["classification"], prepare: labelledWorkspace },
  { name: "lab", suites: ["lab"], prepare: labWorkspace },
  { name: "budget", suites: ["budget"], prepare: hugeWorkspace },
  { name: "training", suites: ["training"], prepare: tinyWorkspace },
  { name: "defaults", suites: ["defaults"], prepare: defaultsWorkspace },
];
