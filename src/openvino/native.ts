/**
 * OpenVINO's C API (openvino/c/openvino.h of 2026.4) as far as it is used, called by koffi. Loaded when it is asked for,
 * never before: koffi is a binary too.
 */
import type koffiModule from "koffi";
import type { OpenvinoRuntime } from "./locate.ts";
import { errorMessage } from "../util/errors.ts";

declare const handle: unique symbol;
/** A pointer that the library gave. */
export type Handle = { readonly [handle]: true };

/** Where a call writes its result: an array of one. */
export type Out<T> = [T | null];

/** Status 0 is success. */
type Call<Arguments extends readonly unknown[]> = ((...args: Arguments) => number) & {
  /** In a thread of its own; the event loop goes on. */
  async: (...args: [...Arguments, (error: Error | null, status: number) => void]) => void;
};
type Free = (handle: Handle) => void;

/** The sizes of a tensor, as ov_shape_t. */
export interface NativeShape {
  rank: number | bigint;
  dims: unknown;
}

/** As ov_property_t. */
export interface NativeProperty {
  key: string;
  value: string;
}

export interface Native {
  coreCreate: Call<[Out<Handle>]>;
  coreFree: Free;
  getProperty: Call<[Handle, string, string, Out<Handle>]>;
  /** An ONNX model's bytes. */
  readModel: Call<[Handle, Uint8Array, number, null, Out<Handle>]>;
  modelFree: Free;
  compileModel: Call<[Handle, Handle, string, number, readonly NativeProperty[], Out<Handle>]>;
  compiledProperty: Call<[Handle, string, Out<Handle>]>;
  compiledFree: Free;
  createRequest: Call<[Handle, Out<Handle>]>;
  requestFree: Free;
  getTensor: Call<[Handle, string, Out<Handle>]>;
  infer: Call<[Handle]>;
  setShape: Call<[Handle, NativeShape]>;
  getShape: Call<[Handle, Partial<NativeShape>]>;
  shapeFree: (shape: Partial<NativeShape>) => number;
  byteSize: Call<[Handle, Out<number | bigint>]>;
  tensorData: Call<[Handle, Out<Handle>]>;
  tensorFree: Free;
  lastError: () => string | null;
  /** Bytes of a typed array into the library's memory, and back. */
  copyIn: (to: Handle, from: ArrayBufferView, bytes: number) => void;
  copyOut: (to: ArrayBufferView, from: Handle, bytes: number) => void;
  /** Numbers at a pointer. */
  sizesAt: (pointer: unknown, count: number) => number[];
  textAt: (pointer: Handle) => string;
}

/** Where memcpy is. */
const C_LIBRARIES: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  linux: ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`],
  darwin: ["/usr/lib/libSystem.B.dylib"],
  win32: ["ucrtbase.dll", "msvcrt.dll"],
};

type Koffi = typeof koffiModule;

/** @throws whatever the loader says, of a library that does not fit this system */
export async function loadNative({ libraries }: OpenvinoRuntime): Promise<Native> {
  const { default: koffi } = await import("koffi");
  if (process.platform === "win32") {
    // The others are not looked for beside the one that is opened.
    for (const file of [...libraries.dependencies, libraries.core]) koffi.load(file);
  }
  const library = koffi.load(libraries.c);
  nameTypes(koffi);
  const of = <T>(prototype: string): T => library.func(prototype) as unknown as T;
  const free = (name: string): Free => of(`void ${name}(void *handle)`);
  const c = cLibrary(koffi);
  return {
    coreCreate: of("int ov_core_create(_Out_ void **core)"),
    coreFree: free("ov_core_free"),
    getProperty: of(
      "int ov_core_get_property(void *core, const char *device, const char *key, _Out_ void **value)",
    ),
    readModel: of(
      "int ov_core_read_model_from_memory_buffer(void *core, const uint8_t *model, size_t length, void *weights, _Out_ void **model)",
    ),
    modelFree: free("ov_model_free"),
    compileModel: of(
      "int ov_core_compile_model_props(void *core, void *model, const char *device, size_t count, const retune_ov_property *properties, _Out_ void **compiled)",
    ),
    compiledProperty: of(
      "int ov_compiled_model_get_property(void *compiled, const char *key, _Out_ void **value)",
    ),
    compiledFree: free("ov_compiled_model_free"),
    createRequest: of(
      "int ov_compiled_model_create_infer_request(void *compiled, _Out_ void **request)",
    ),
    requestFree: free("ov_infer_request_free"),
    getTensor: of(
      "int ov_infer_request_get_tensor(void *request, const char *name, _Out_ void **tensor)",
    ),
    infer: of("int ov_infer_request_infer(void *request)"),
    setShape: of("int ov_tensor_set_shape(void *tensor, retune_ov_shape shape)"),
    getShape: of("int ov_tensor_get_shape(void *tensor, _Out_ retune_ov_shape *shape)"),
    shapeFree: of("int ov_shape_free(_Inout_ retune_ov_shape *shape)"),
    byteSize: of("int ov_tensor_get_byte_size(void *tensor, _Out_ size_t *bytes)"),
    tensorData: of("int ov_tensor_data(void *tensor, _Out_ void **data)"),
    tensorFree: free("ov_tensor_free"),
    lastError: of("const char *ov_get_last_err_msg()"),
    copyIn: c.func("void *memcpy(void *to, const void *from, size_t bytes)") as never,
    copyOut: c.func("void *memcpy(_Out_ void *to, void *from, size_t bytes)") as never,
    sizesAt: (pointer, count) =>
      [...(koffi.decode(pointer as never, "int64_t", count) as Iterable<number | bigint>)].map(
        Number,
      ),
    textAt: (pointer) => String(koffi.decode(pointer as never, "char", -1)),
  };
}

let areTypesNamed = false;

/** Types have one name in a process. */
function nameTypes(koffi: Koffi): void {
  if (areTypesNamed) return;
  koffi.struct("retune_ov_shape", { rank: "int64_t", dims: "int64_t *" });
  koffi.struct("retune_ov_property", { key: "const char *", value: "const char *" });
  areTypesNamed = true;
}

function cLibrary(koffi: Koffi): ReturnType<Koffi["load"]> {
  const names = C_LIBRARIES[process.platform] ?? [];
  const failures: string[] = [];
  for (const name of names) {
    try {
      return koffi.load(name);
    } catch (error) {
      failures.push(errorMessage(error));
    }
  }
  throw new Error(
    `no C library: ${failures.join("; ") || `none is known for ${process.platform}`}`,
  );
}
