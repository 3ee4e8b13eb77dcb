import { access } from "node:fs/promises";

/** Whether something is at the path that this user may see. */
export function pathExists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
