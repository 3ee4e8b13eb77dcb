"""Data files as pandas, pyarrow and Python's csv write them, and what they hold as JSON.

    python make.py          # pyarrow
"""

import csv
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent

ROWS = [
    {"text": "plain", "label": "a"},
    {"text": 'a "quoted", comma', "label": "b"},
    {"text": "two\nlines\r\nand three", "label": "a"},
    {"text": "line separator \u2028 and \U0001f600 é", "label": "c d"},
    {"text": " spaces kept ", "label": "#hash"},
    {"text": "tab\tinside", "label": "'single'"},
]
CHATS = [
    {
        "id": 9007199254740993,
        "messages": [
            {"role": "user", "content": "What is 1 + 1?"},
            {"role": "assistant", "content": "2"},
        ],
        "score": 0.5,
        "tags": ["math", "short"],
    },
    {
        "id": -1,
        "messages": [{"role": "user", "content": "Grüße \U0001f600"}],
        "score": None,
        "tags": [],
    },
]


def main() -> None:
    (HERE / "rows.json").write_text(json.dumps(ROWS, ensure_ascii=False, indent=1), encoding="utf-8")
    for name, dialect in [("rows.csv", "excel"), ("rows.tsv", "excel-tab")]:
        with open(HERE / name, "w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, ["text", "label"], dialect=dialect)
            writer.writeheader()
            writer.writerows(ROWS)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
    with gzip.GzipFile(HERE / "rows.jsonl.gz", "wb", mtime=0) as out:
        out.write(lines.encode())

    table = pa.Table.from_pylist(CHATS)
    for codec in ["none", "snappy", "gzip", "zstd", "brotli"]:
        pq.write_table(table, HERE / f"chats-{codec}.parquet", compression=codec, row_group_size=1)
    # hyparquet-compressors 1.1.2 refuses ("lz4 offset out of range 0") a page of one missing value.
    pq.write_table(table, HERE / "chats-lz4.parquet", compression="lz4")
    pq.write_table(table, HERE / "chats-v1.parquet", version="1.0", use_dictionary=False)
    pq.write_table(table, HERE / "chats-v2.parquet", data_page_version="2.0", version="2.6")
    (HERE / "chats.json").write_text(json.dumps(CHATS, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
