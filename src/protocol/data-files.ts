/** Kinds of data files: their endings, the usual one first. A text file may have `.gz` behind it. */
export const DATA_ENDINGS = ["jsonl", "ndjson", "json", "csv", "tsv", "parquet"] as const;

/** Those that an open folder is searched for: a `.json` file is most often no data. */
export const SEARCHED_DATA = "**/*.{jsonl,ndjson,csv,tsv,parquet,jsonl.gz,ndjson.gz,csv.gz,tsv.gz}";

/** Whether a file is data by its name; a `.json` file may be anything. */
export function isDataFile(name: string): boolean {
  return /\.(?:jsonl|ndjson|csv|tsv|parquet|json)(?:\.gz)?$/iu.test(name);
}

/** A data file's name without its endings: "mails.csv.gz" → "mails" */
export function dataName(name: string): string {
  return name.replace(/(?:\.(?:jsonl|ndjson|json|csv|tsv|parquet|gz))+$/iu, "");
}
