"""Makes the corpus on which models/retune-tiny is trained from scratch.

    python3 make_corpus.py      (standard library only; WordNet from Debian's wordnet-base)

Writes corpus/train.jsonl and corpus/eval.jsonl beside this file. Seeded: the same WordNet gives the
same bytes. Some 1,300 common words are each described in many wordings, so that a model of
2.4 M parameters can learn both the sentences and the facts. Evaluation rows are wordings that
training rows do not have, of facts that they do.
"""

import json
import random
import re

from statements import dialogues, sentence, sentences
from wordnet import ABSTRACT, ANIMAL, CONCRETE, FOOD, HERE, SUBSTANCE, Lexicon, find_wordnet, has_article

SEED = 7
GLOSS_WORDS = 6000  # meanings use only the most common words
SENTENCE_WORDS = 3000
COUNTS = {"animal": 90, "food": 40, "concrete": 500, "abstract": 150, "substance": 20, "verb": 250, "adjective": 250}
PARAGRAPHS = 9  # per word
QUESTIONS = 7  # per word, in chat form
ROW_CHARACTERS = 880  # about 240 tokens
END = "<|endoftext|>"
HELD_OUT_EVERY = 6  # words

PREPOSITION = re.compile(r"(?:of|in|on|at|by|to|with|from)\b")  # "Orange means of the color …" is no sentence
STARTS = re.compile(r"(?:He|She|They|We|I|You|It|The|His|Her|My|Our|Their|There|This|That|Many|Some|All) [a-z]")
FINITE = re.compile(
    r"\b(?:is|was|are|were|has|had|have|did|does|do|can|could|will|would|may|must|should|went|came|took|made|gave|saw"
    r"|got|said|told|knew|felt|left|lost|kept|ran|sat|stood|wore|won|wrote|fell|found|held|led|met|paid|put|read|sent"
    r"|set|spent|threw|[a-z]{2,}ed|tries|looks|lives|likes|loves|wants|needs|goes|comes|works|makes|takes|runs)\b"
)


def choose_entries(lexicon):
    nouns = {
        # A thing that can be touched takes an article; where its meaning has none, sentences go wrong.
        "animal": lambda entry: entry.lexfile == ANIMAL and has_article(entry.meaning),
        "food": lambda entry: entry.lexfile == FOOD,
        "concrete": lambda entry: entry.lexfile in CONCRETE - {ANIMAL, FOOD} and has_article(entry.meaning),
        "abstract": lambda entry: entry.lexfile in ABSTRACT,
        "substance": lambda entry: entry.lexfile == SUBSTANCE,
    }
    chosen = []
    for name, belongs in nouns.items():
        chosen += lexicon.entries("n", COUNTS[name], GLOSS_WORDS, lambda e, b=belongs: b(e) and "genus" not in e.kinds)
    chosen += lexicon.entries("v", COUNTS["verb"], GLOSS_WORDS)
    chosen += lexicon.entries("a", COUNTS["adjective"], GLOSS_WORDS, lambda e: not PREPOSITION.match(e.meaning))
    return chosen


def common_kinds(entries, count=60):
    tally = {}
    for entry in entries:
        for kind in entry.kinds[:1]:
            tally[kind] = tally.get(kind, 0) + 1
    return sorted(tally, key=lambda kind: (-tally[kind], kind))[:count]


def example_sentences(lexicon):
    """Whole sentences among WordNet's examples, of common words only."""
    found = set()
    for synset in lexicon.synsets.values():
        for example in synset.examples:
            text = sentence(example)
            if 4 <= len(text.split()) <= 12 and STARTS.match(text) and FINITE.search(text) and lexicon.is_plain(text, SENTENCE_WORDS):
                found.add(text)
    return sorted(found)


def pack(parts, separator, limit=ROW_CHARACTERS):
    """Joins texts to rows of like length."""
    rows, row = [], ""
    for part in parts:
        joined = row + separator + part if row else part
        if row and len(joined) > limit:
            rows.append(row)
            joined = part
        row = joined
    return [*rows, row] if row else rows


def paragraphs_of(said, count, chance):
    for _ in range(count):
        yield " ".join(chance.sample(said, min(len(said), chance.choice((2, 3, 3, 4)))))


def pack_chats(pairs):
    rows, messages, length = [], [], 0
    for question, answer in pairs:
        size = len(question) + len(answer) + 75  # the turns' own marks are tokens too
        if messages and length + size > ROW_CHARACTERS:
            rows.append(messages)
            messages, length = [], 0
        messages = [*messages, {"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        length += size
    return [*rows, messages] if messages else rows


def make_rows(lexicon, entries, chance):
    kinds = common_kinds(entries)
    texts, chats = {"train": [], "eval": []}, {"train": [], "eval": []}
    for number, entry in enumerate(entries):
        others = chance.sample(kinds, 4)
        said, asked = sentences(lexicon, entry, others), dialogues(lexicon, entry, others)
        if number % HELD_OUT_EVERY == 0 and len(said) > 6:
            # The plain definition stays in training; a model can't guess facts.
            kept_back = chance.sample(said[1:], 3)
            said = [each for each in said if each not in kept_back]
            texts["eval"].append(" ".join(kept_back))
            chats["eval"].append(asked.pop(chance.randrange(1, 3)))
        texts["train"] += paragraphs_of(said, PARAGRAPHS, chance)
        chats["train"] += [asked[0], *chance.sample(asked[1:], min(len(asked) - 1, QUESTIONS - 1))]
    examples = example_sentences(lexicon)
    chance.shuffle(examples)
    tenth = len(examples) // 30
    stories = {"eval": examples[:tenth], "train": examples[tenth:]}
    rows = {}
    for part in ("train", "eval"):
        chance.shuffle(texts[part])
        chance.shuffle(chats[part])
        rows[part] = [{"text": row} for row in pack(texts[part], END)]
        rows[part] += [{"text": row} for row in pack(stories[part], " ")]
        rows[part] += [{"messages": row} for row in pack_chats(chats[part])]
        chance.shuffle(rows[part])
    return rows


def main():
    lexicon = Lexicon(find_wordnet())
    entries = choose_entries(lexicon)
    folder = HERE / "corpus"
    folder.mkdir(exist_ok=True)
    for part, rows in make_rows(lexicon, entries, random.Random(SEED)).items():
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{part}.jsonl").write_text(text, encoding="utf-8")
        chats = sum("messages" in row for row in rows)
        print(f"{part}: {len(rows)} rows ({chats} chats), {len(text) / 1e6:.2f} MB, {len(entries)} words")


if __name__ == "__main__":
    main()
