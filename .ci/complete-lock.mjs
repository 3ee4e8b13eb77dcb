// Run it after a dependency changed: `node .ci/complete-lock.mjs`.
//
// Native tools (oxlint, oxfmt, oxc-parser) have one optional package per platform. A registry mirror
// may hold only its own platform's; npm then leaves the others out of package-lock.json, and `npm ci`
// refuses the lock file everywhere ("Missing: … from lock file"). This puts them back by name and
// version, without a hash: npm fetches each on its own platform only.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root } from "./install.mjs";

const SYSTEMS = ["android", "darwin", "freebsd", "linux", "openharmony", "win32"];
const PROCESSORS = ["arm64", "arm", "ia32", "ppc64", "riscv64", "s390x", "x64"];

/** `@oxfmt/binding-linux-arm-gnueabihf` → linux, arm, glibc. */
function platformOf(name) {
  const words = name.split(/[/-]/);
  const system = SYSTEMS.find((one) => words.includes(one));
  const processor = PROCESSORS.find((one) => words.includes(one));
  if (system === undefined || processor === undefined) {
    throw new Error(`${name}: its name does not say a platform`);
  }
  const libc = words.some((word) => word.startsWith("musl")) ? "musl" : "glibc";
  return { cpu: [processor], os: [system], ...(system === "linux" ? { libc: [libc] } : {}) };
}

const file = path.join(root, "package-lock.json");
const lock = JSON.parse(readFileSync(file, "utf8"));
let added = 0;
for (const [place, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const nested = `${place}/node_modules/${name}`;
    const hoisted = `node_modules/${name}`;
    if (lock.packages[nested] || lock.packages[hoisted]) continue;
    const { cpu, os, libc } = platformOf(name);
    const dev = entry.dev ? { dev: true } : {};
    lock.packages[hoisted] = {
      version,
      cpu,
      ...dev,
      ...(libc ? { libc } : {}),
      optional: true,
      os,
    };
    added += 1;
  }
}
const sorted = Object.entries(lock.packages).toSorted(([a], [b]) => a.localeCompare(b, "en"));
lock.packages = Object.fromEntries(sorted);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`package-lock.json: ${added} packages of other platforms added`);
