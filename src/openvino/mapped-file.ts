/** Files in the process's memory as the system maps them: pages are read when they are touched, and shared with the system's cache. */
import type koffiModule from "koffi";
import { open } from "node:fs/promises";
import { errorMessage } from "../util/errors.ts";

type Koffi = typeof koffiModule;
type Foreign = (...args: unknown[]) => unknown;

export interface MappedFile {
  address: bigint;
  unmap: () => void;
}

/** @throws Error naming the file, when the system can't map it */
export async function mapFile(koffi: Koffi, file: string): Promise<MappedFile> {
  try {
    return process.platform === "win32" ? mapWindows(koffi, file) : await mapPosix(koffi, file);
  } catch (error) {
    throw new Error(`${file} can't be mapped into memory: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

const PROT_READ = 1;
const MAP_PRIVATE = 2;

async function mapPosix(koffi: Koffi, file: string): Promise<MappedFile> {
  const c = koffi.load(process.platform === "darwin" ? "/usr/lib/libSystem.B.dylib" : C_LIBRARY);
  const mmap: Foreign = c.func(
    "intptr_t mmap(intptr_t at, size_t length, int protection, int flags, int file, int64_t offset)",
  );
  const munmap: Foreign = c.func("int munmap(intptr_t at, size_t length)");
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const address = BigInt(mmap(0, size, PROT_READ, MAP_PRIVATE, handle.fd, 0) as number | bigint);
    if (address === -1n) throw new Error("mmap failed");
    return { address, unmap: () => void munmap(address, size) };
  } finally {
    // The mapping stays.
    await handle.close();
  }
}

const C_LIBRARY = "libc.so.6";

const GENERIC_READ = 0x80000000;
const SHARE_ALL = 7;
const OPEN_EXISTING = 3;
const PAGE_READONLY = 2;
const FILE_MAP_READ = 4;
const INVALID_HANDLE = -1n;

/** Untried: no machine of ours has Windows. */
function mapWindows(koffi: Koffi, file: string): MappedFile {
  const kernel = koffi.load("kernel32.dll");
  const createFile: Foreign = kernel.func(
    "intptr_t CreateFileW(const char16_t *name, uint32_t access, uint32_t share, void *security, uint32_t how, uint32_t flags, void *template)",
  );
  const createMapping: Foreign = kernel.func(
    "intptr_t CreateFileMappingW(intptr_t file, void *security, uint32_t protection, uint32_t high, uint32_t low, void *name)",
  );
  const mapView: Foreign = kernel.func(
    "intptr_t MapViewOfFile(intptr_t mapping, uint32_t access, uint32_t high, uint32_t low, size_t length)",
  );
  const unmapView: Foreign = kernel.func("int UnmapViewOfFile(intptr_t at)");
  const closeHandle: Foreign = kernel.func("int CloseHandle(intptr_t handle)");
  const opened = BigInt(
    createFile(file, GENERIC_READ, SHARE_ALL, null, OPEN_EXISTING, 0, null) as number | bigint,
  );
  if (opened === INVALID_HANDLE) throw new Error("CreateFile failed");
  try {
    const mapping = createMapping(opened, null, PAGE_READONLY, 0, 0, null) as number | bigint;
    if (BigInt(mapping) === 0n) throw new Error("CreateFileMapping failed");
    try {
      const address = BigInt(mapView(mapping, FILE_MAP_READ, 0, 0, 0) as number | bigint);
      if (address === 0n) throw new Error("MapViewOfFile failed");
      return { address, unmap: () => void unmapView(address) };
    } finally {
      closeHandle(mapping);
    }
  } finally {
    closeHandle(opened);
  }
}
