/** For what libraries hold outside V8's heap, where V8 does not see how much it is. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

type Collect = (options: { type: "minor" }) => void;

let collect: Collect | undefined;

/** Frees short-lived objects now, which takes about a millisecond. The extension host has no use for it. */
export function collectYoung(): void {
  if (!collect) {
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as Collect;
  }
  collect({ type: "minor" });
}
