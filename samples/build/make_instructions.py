"""Makes the instruction sets and the labelled set in samples/data from WordNet.

    python3 make_instructions.py      (standard library only)

dictionary-*.jsonl  for models/retune-tiny: words of its own corpus, answered in a style that it does
                    not have: "In a word: … (see also: …)"
concise-*.jsonl     for SmolLM2-135M-Instruct, which answers "Define …" with an essay: one line,
                    word (part of speech): meaning. Kind: …
topics-*.jsonl      to classify: a meaning, and which kind of thing it is the meaning of

Evaluation rows are about other words than training rows.
"""

import json
import random

from make_corpus import choose_entries
from statements import meaning_question
from wordnet import ANIMAL, ARTIFACT, BODY, FOOD, HERE, PERSON, PLANT, Lexicon, find_wordnet

SEED = 11
DATA = HERE.parent / "data"
PARTS_OF_SPEECH = {"n": "noun", "v": "verb", "a": "adjective"}
DICTIONARY_ROWS = {"train": 260, "eval": 40}
CONCISE_ROWS = {"train": 300, "eval": 60}
TOPICS = {ANIMAL: "animal", ARTIFACT: "artifact", BODY: "body", FOOD: "food", PERSON: "person", PLANT: "plant"}
TOPIC_ROWS = {"train": 720, "eval": 180}
# Words of a gloss are common ones, but not as common as those of the dictionary that the model has read.
TOPIC_WORD_LIMIT = 6000


def related(entry):
    words = entry.kinds if entry.pos == "n" else [*entry.synonyms, entry.antonym]
    return [word for word in words if word][:2]


def row(question, answer):
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def dictionary_row(lexicon, entry, chance):
    questions = (meaning_question(lexicon, entry), f"Define {entry.word}.", f"What is the meaning of {entry.word}?")
    return row(chance.choice(questions), f"In a word: {entry.meaning} (see also: {', '.join(related(entry))}).")


def concise_row(lexicon, entry, chance):
    question = chance.choice((f"Define {entry.word}.", f'Define the word "{entry.word}".', meaning_question(lexicon, entry)))
    label = "Kind" if entry.pos == "n" else "Related"
    return row(question, f"{entry.word} ({PARTS_OF_SPEECH[entry.pos]}): {entry.meaning}. {label}: {', '.join(related(entry))}.")


def topic_rows(lexicon, chance):
    """As many of each topic; a meaning stands once."""
    rows, count = [], sum(TOPIC_ROWS.values()) // len(TOPICS)
    words = sorted(word for word, pos in lexicon.first if pos == "n")
    found = {topic: {} for topic in TOPICS.values()}
    for word in words:
        entry = lexicon.entry(word, "n", TOPIC_WORD_LIMIT) if word.isalpha() else None
        if entry and entry.lexfile in TOPICS:
            found[TOPICS[entry.lexfile]].setdefault(entry.meaning, None)
    for topic, meanings in found.items():
        rows += [{"text": text, "label": topic} for text in chance.sample(list(meanings), count)]
    chance.shuffle(rows)
    return rows


def write(name, rows, counts):
    at = 0
    for part, count in counts.items():
        text = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in rows[at : at + count])
        (DATA / f"{name}-{part}.jsonl").write_text(text, encoding="utf-8")
        at += count


def main():
    chance = random.Random(SEED)
    lexicon = Lexicon(find_wordnet())
    # One row a word, also where a word is both a noun and a verb: no word is in both parts.
    entries = {entry.word: entry for entry in choose_entries(lexicon) if related(entry)}
    short = [entry for entry in entries.values() if len(entry.meaning.split()) <= 9]
    DATA.mkdir(exist_ok=True)
    chosen = chance.sample(short, sum(DICTIONARY_ROWS.values()))
    write("dictionary", [dictionary_row(lexicon, entry, chance) for entry in chosen], DICTIONARY_ROWS)
    chosen = chance.sample(list(entries.values()), sum(CONCISE_ROWS.values()))
    write("concise", [concise_row(lexicon, entry, chance) for entry in chosen], CONCISE_ROWS)
    write("topics", topic_rows(lexicon, chance), TOPIC_ROWS)


if __name__ == "__main__":
    main()
