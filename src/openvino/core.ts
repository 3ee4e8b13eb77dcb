/** OpenVINO as objects: a core compiles models, a model makes requests, a request runs. */
import type { OpenvinoRuntime } from "./locate.ts";
import { type Handle, type Native, type Out, loadNative } from "./native.ts";

/** OpenVINO did not do what it was asked; the message is its own. */
class OpenvinoError extends Error {
  override name = "OpenvinoError";
}

/** Names and values as in OpenVINO's documentation: { INFERENCE_PRECISION_HINT: "bf16" }. */
export type Properties = Readonly<Record<string, string>>;

/** "CPU" or "GPU". */
export type OpenvinoDevice = string;

export interface Compilation {
  device: OpenvinoDevice;
  properties: Properties;
  /** The folder that the model names its weights' files from. */
  weightsDir: string;
}

/** What a request is fed. */
export type TensorData = Float32Array | BigInt64Array;

export class OpenvinoCore {
  readonly #native: Native;
  readonly #core: Handle;

  private constructor(native: Native, core: Handle) {
    this.#native = native;
    this.#core = core;
  }

  /** @throws OpenvinoError, or what the system's loader says */
  static async open(runtime: OpenvinoRuntime): Promise<OpenvinoCore> {
    const native = await loadNative(runtime);
    const made: Out<Handle> = [null];
    check(native, native.coreCreate(made), "starting OpenVINO");
    return new OpenvinoCore(native, given(made, "core"));
  }

  /** What the device computes in: FP32, BF16, INT8 … */
  capabilities(device: OpenvinoDevice): readonly string[] {
    return this.#property(device, "OPTIMIZATION_CAPABILITIES").split(" ");
  }

  /** AMD EPYC 9R14 96-Core Processor */
  deviceName(device: OpenvinoDevice): string {
    return this.#property(device, "FULL_DEVICE_NAME");
  }

  #property(device: OpenvinoDevice, key: string): string {
    const native = this.#native;
    const value: Out<Handle> = [null];
    check(native, native.getProperty(this.#core, device, key, value), `${device}'s ${key}`);
    return native.textAt(given(value, key));
  }

  /**
   * Reads an ONNX model and compiles it, in a thread of its own.
   * @throws OpenvinoError
   */
  async compile(
    onnx: Uint8Array,
    { device, properties, weightsDir }: Compilation,
  ): Promise<CompiledModel> {
    const native = this.#native;
    const model = this.#read(onnx, weightsDir);
    try {
      const compiled: Out<Handle> = [null];
      const pairs = Object.entries(properties).map(([key, value]) => ({ key, value }));
      await inThread(native, "compiling the graph", (done) =>
        native.compileModel.async(this.#core, model, device, pairs.length, pairs, compiled, done),
      );
      return new CompiledModel(native, given(compiled, "compiled model"));
    } finally {
      native.modelFree(model);
    }
  }

  /**
   * OpenVINO looks for the weights of a model that is given as bytes in the working folder, and takes none from outside
   * of it, links followed. That folder is the process's: nothing else may run while it is another one, so this does not
   * go into a thread. It takes 0.15 s for 30 layers; weights are mapped, not read.
   */
  #read(onnx: Uint8Array, weightsDir: string): Handle {
    const native = this.#native;
    const read: Out<Handle> = [null];
    const before = process.cwd();
    process.chdir(weightsDir);
    try {
      const status = native.readModel(this.#core, onnx, onnx.length, null, read);
      check(native, status, "reading the graph");
    } finally {
      process.chdir(before);
    }
    return given(read, "model");
  }

  dispose(): void {
    this.#native.coreFree(this.#core);
  }
}

export class CompiledModel {
  readonly #native: Native;
  readonly #model: Handle;
  readonly #request: Handle;
  /** Where the request reads its inputs: they stay the same. */
  readonly #inputs = new Map<string, Handle | undefined>();

  constructor(native: Native, model: Handle) {
    this.#native = native;
    this.#model = model;
    const made: Out<Handle> = [null];
    check(native, native.createRequest(model, made), "making a request");
    this.#request = given(made, "request");
  }

  /** Whether it was read from CACHE_DIR. */
  get isFromCache(): boolean {
    const native = this.#native;
    const value: Out<Handle> = [null];
    const key = "LOADED_FROM_CACHE";
    check(native, native.compiledProperty(this.#model, key, value), key);
    return native.textAt(given(value, key)) === "YES";
  }

  /** Copies values in. An input that nothing of the graph reads is gone from the compiled model, and passed over. */
  feed(name: string, values: TensorData, dims: readonly number[]): void {
    const native = this.#native;
    const tensor = this.#input(name);
    if (!tensor) return;
    const shape = { rank: dims.length, dims: BigInt64Array.from(dims, BigInt) };
    check(native, native.setShape(tensor, shape), `${name} [${dims.join(",")}]`);
    const bytes = this.#byteSize(tensor);
    if (bytes !== values.byteLength) {
      throw new OpenvinoError(
        `${name} [${dims.join(",")}] has ${bytes} bytes in OpenVINO, ${values.byteLength} are fed`,
      );
    }
    if (bytes > 0) native.copyIn(this.#dataOf(tensor), values, bytes);
  }

  async infer(): Promise<void> {
    const native = this.#native;
    await inThread(native, "running the graph", (done) => native.infer.async(this.#request, done));
  }

  /** Copies a result out. */
  result(name: string): { data: Float32Array; dims: readonly number[] } {
    const native = this.#native;
    const tensor = this.#tensor(name);
    try {
      const dims = this.#dimsOf(tensor);
      const bytes = this.#byteSize(tensor);
      const data = new Float32Array(bytes / Float32Array.BYTES_PER_ELEMENT);
      if (bytes > 0) native.copyOut(data, this.#dataOf(tensor), bytes);
      return { data, dims };
    } finally {
      native.tensorFree(tensor);
    }
  }

  dispose(): void {
    for (const tensor of this.#inputs.values()) if (tensor) this.#native.tensorFree(tensor);
    this.#inputs.clear();
    this.#native.requestFree(this.#request);
    this.#native.compiledFree(this.#model);
  }

  #input(name: string): Handle | undefined {
    if (!this.#inputs.has(name)) {
      const found: Out<Handle> = [null];
      const isThere = this.#native.getTensor(this.#request, name, found) === 0;
      this.#inputs.set(name, isThere ? given(found, name) : undefined);
    }
    return this.#inputs.get(name);
  }

  #tensor(name: string): Handle {
    const native = this.#native;
    const found: Out<Handle> = [null];
    check(native, native.getTensor(this.#request, name, found), `the tensor ${name}`);
    return given(found, name);
  }

  #dimsOf(tensor: Handle): number[] {
    const native = this.#native;
    const shape: { rank?: number | bigint; dims?: unknown } = {};
    check(native, native.getShape(tensor, shape), "a tensor's sizes");
    try {
      return native.sizesAt(shape.dims, Number(shape.rank));
    } finally {
      native.shapeFree(shape);
    }
  }

  #byteSize(tensor: Handle): number {
    const native = this.#native;
    const size: Out<number | bigint> = [null];
    check(native, native.byteSize(tensor, size), "a tensor's size");
    return Number(size[0]);
  }

  #dataOf(tensor: Handle): Handle {
    const native = this.#native;
    const data: Out<Handle> = [null];
    check(native, native.tensorData(tensor, data), "a tensor's memory");
    return given(data, "memory");
  }
}

function given<T>([value]: Out<T>, what: string): T {
  if (value === null) throw new OpenvinoError(`OpenVINO gave no ${what}`);
  return value;
}

function check(native: Native, status: number, what: string): void {
  if (status === 0) return;
  throw new OpenvinoError(`${what}: ${native.lastError() ?? `OpenVINO's status ${status}`}`);
}

/** libuv's pool has four threads: as many calls at once. */
function inThread(
  native: Native,
  what: string,
  call: (done: (error: Error | null, status: number) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error, status) => {
      if (error) reject(error);
      else if (status === 0) resolve();
      else {
        const reason = native.lastError() ?? `OpenVINO's status ${status}`;
        reject(new OpenvinoError(`${what}: ${reason}`));
      }
    });
  });
}
