/** The process that encoder.ts starts: encodes one batch after the other until its parent is gone. */
import { errorMessage } from "../util/errors.ts";
import type { FromEncoder, PlainEncoding, ToEncoder } from "./encoder.ts";
import { makeTokenizer } from "./native-tokenizer.ts";

let tokenizer: ReturnType<typeof makeTokenizer> | undefined;

// An interrupt in a terminal goes to the parent, which ends this process.
process.on("SIGINT", () => {});
// Not exit(), which waits for the library's threads.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
process.on("message", (message: ToEncoder) => {
  void answer(message).then((reply) => reply && process.send?.(reply));
});

async function answer(message: ToEncoder): Promise<FromEncoder | undefined> {
  try {
    if (message.type === "open") {
      tokenizer = makeTokenizer(message.text, message.added);
      return undefined;
    }
    const { id, texts, addSpecialTokens } = message;
    const encodings = await tokenizer?.encodeBatch([...texts], { addSpecialTokens });
    return { type: "encoded", id, encodings: encodings?.map(plain) ?? [] };
  } catch (error) {
    const id = message.type === "open" ? undefined : message.id;
    return { type: "failed", id, message: errorMessage(error) };
  }
}

function plain(encoding: {
  getIds(): number[];
  tokenToChars(token: number): readonly number[] | null | undefined;
}): PlainEncoding {
  const ids = Uint32Array.from(encoding.getIds());
  const offsets = new Int32Array(2 * ids.length);
  for (let token = 0; token < ids.length; token++) {
    offsets.set(encoding.tokenToChars(token) ?? [-1, -1], 2 * token);
  }
  return { ids, offsets };
}
