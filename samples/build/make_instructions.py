"""Makes the two instruction sets in samples/data from WordNet.

    python3 make_instructions.py      (standard library only)

dictionary-*.jsonl  for models/retune-tiny: words of its own corpus, answered in a style that it does
                    not have: "In a word: … (see also: …)"
concise-*.jsonl     for SmolLM2-135M-Instruct, which answers "Define …" with an essay: one line,
                    word (part of speech): meaning. Kind: …

Evaluation rows are about other words than training rows.
"""

import json
import random

from make_corpus import choose_entries
from statements import meaning_question
from wordnet import HERE, Lexicon, find_wordnet

SEED = 11
DATA = HERE.parent / "data"
PARTS_OF_SPEECH = {"n": "noun", "v": "verb", "a": "adjective"}
DICTIONARY_ROWS = {"train": 260, "eval": 40}
CONCISE_ROWS = {"train": 300, "eval": 60}


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


if __name__ == "__main__":
    main()
