/** Kinds of data files: their endings, the usual one first. A text file may have `.gz` behind it. */
export const DATA_ENDINGS = ["jsonl", "ndjson", "json", "csv", "tsv", "parquet"] as const;

/** Those that an open folder is searched for: a `.json` file is most often no data. */
const SEARCHED = DATA_ENDINGS.filter((kind) => kind !== "json");
const ZIPPED = SEARCHED.filter((kind) => kind !== "parquet").map((kind) => `${kind}.gz`);
export const SEARCHED_DATA = `**/*.{${[...SEARCHED, ...ZIPPED].join(",")}}`;

const ANY_KIND = DATA_ENDINGS.join("|");
const DATA_NAME = new RegExp(String.raw`\.(?:${ANY_KIND})(?:\.gz)?$`, "iu");
const NAME_ENDINGS = new RegExp(String.raw`(?:\.(?:${ANY_KIND}|gz))+$`, "iu");

/** Whether a file is data by its name; a `.json` file may be anything. */
export function isDataFile(name: string): boolean {
  return DATA_NAME.test(name);
}

/** A data file's name without its endings: "mails.csv.gz" → "mails" */
export function dataName(name: string): string {
  return name.replace(NAME_ENDINGS, "");
}
