import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import {
  DATA_ENDINGS,
  SEARCHED_DATA,
  dataName,
  isDataFile,
} from "../../src/protocol/data-files.ts";

test("a file is data by its ending, in any case, text also with .gz behind it", () => {
  for (const ending of DATA_ENDINGS) {
    for (const name of [
      `a.${ending}`,
      `a.${ending.toUpperCase()}`,
      `a.b.${ending}.gz`,
      `.${ending}`,
    ]) {
      assert.ok(isDataFile(name), name);
    }
    for (const name of [`a${ending}`, `a.${ending}x`, `a.${ending}.zip`, `a.${ending}/b`, ending]) {
      assert.ok(!isDataFile(name), name);
    }
  }
  assert.ok(!isDataFile("a.gz"));
});

test("a data file is called what stands before its endings", () => {
  assert.equal(dataName("mails.csv.gz"), "mails");
  assert.equal(dataName("mails.2024.JSONL"), "mails.2024");
  assert.equal(dataName("mails.txt"), "mails.txt");
  assert.equal(dataName("mails.csv.bak"), "mails.csv.bak");
  for (const ending of DATA_ENDINGS) assert.equal(dataName(`a.${ending}`), "a");
});

test("a folder is searched for every kind but plain .json, which is most often no data", () => {
  const [, kinds = ""] = /^\*\*\/\*\.\{(.+)\}$/.exec(SEARCHED_DATA) ?? [];
  const endings = kinds.split(",");
  assert.equal(new Set(endings).size, endings.length);
  for (const ending of endings) assert.ok(isDataFile(`a.${ending}`), ending);
  assert.ok(!endings.includes("json") && !endings.includes("parquet.gz"));
  const searched = endings.map((ending) => path.parse(`.${ending}`).base.split(".")[1] ?? "");
  assert.deepEqual(
    [...new Set(searched)].toSorted(),
    DATA_ENDINGS.filter((ending) => ending !== "json").toSorted(),
  );
});
