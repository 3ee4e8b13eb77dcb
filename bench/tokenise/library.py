"""The `tokenizers` library alone: `python library.py TEXTS TOKENIZER_JSON [--fast]` prints its figures as JSON.

TEXTS has a JSON string a line. They are read before the clock starts, and encoded 256 at a time on the library's
own threads; --fast leaves out offsets, which a loss mask needs.
"""

import json
import resource
import sys
import time

from tokenizers import Tokenizer

texts_file, tokenizer_file, *flags = sys.argv[1:]
tokenizer = Tokenizer.from_file(tokenizer_file)
with open(texts_file, encoding="utf-8") as file:
    texts = [json.loads(line) for line in file]
encode = tokenizer.encode_batch_fast if "--fast" in flags else tokenizer.encode_batch
started, cpu_started, tokens = time.perf_counter(), time.process_time(), 0
for start in range(0, len(texts), 256):
    for encoding in encode(texts[start : start + 256], add_special_tokens=False):
        tokens += len(encoding.ids)
print(
    json.dumps(
        {
            "tokens": tokens,
            "seconds": time.perf_counter() - started,
            "cpuSeconds": time.process_time() - cpu_started,
            "peakMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
    )
)
