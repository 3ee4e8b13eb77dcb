/** The tasks of merges, by their types. */
import { type CopyTask, type TaskTools, runCopy } from "../tensors/tensor-tasks.ts";
import { type AdapterTask, runAdapterTask } from "./adapters/apply-changes.ts";
import { type MethodTask, runMethodTask } from "./models/tensor-job.ts";

export type MergeTask = CopyTask | AdapterTask | MethodTask;

export function runMergeTask(task: MergeTask, tools: TaskTools): void | Promise<void> {
  switch (task.type) {
    case "copy":
      return runCopy(task, tools);
    case "adapters":
      return runAdapterTask(task, tools);
    case "method":
      return runMethodTask(task, tools);
  }
}
