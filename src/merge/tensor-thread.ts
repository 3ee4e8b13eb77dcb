/** The thread that tensors/tensor-threads.ts starts, for every program. */
import { serveTensorTasks } from "../tensors/tensor-threads.ts";
import { runMergeTask } from "./merge-tasks.ts";

serveTensorTasks(runMergeTask);
