/** Whether a path, there or not, is called as a .gguf is. */
export function isGgufName(file: string): boolean {
  return /\.gguf$/iu.test(file);
}

/** The name without its ending. */
export function withoutGguf(name: string): string {
  return name.replace(/\.gguf$/iu, "");
}
