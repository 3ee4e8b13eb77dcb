import manifest from "../../package.json" with { type: "json" };

export const RETUNE_VERSION: string = manifest.version;
