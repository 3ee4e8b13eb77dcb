"""What the corpus says about a word: short English sentences, and questions with their answers."""

from wordnet import ANIMAL, ARTIFACT, BODY, PERSON, PLANT, SUBSTANCE, has_article, with_article


def capital(text):
    return text[:1].upper() + text[1:]


def sentence(text):
    text = capital(text.strip(" ,"))
    return text if text[-1] in ".?!" else text + "."


def subject(lexicon, entry):
    """The noun as a sentence names it: a sparrow, the heart, water."""
    word, meaning = entry.word, entry.meaning
    if entry.lexfile == SUBSTANCE or not has_article(meaning):
        return word
    if meaning.startswith("the ") and entry.lexfile == BODY:
        return "the " + word
    if entry.lexfile in {ANIMAL, ARTIFACT, BODY, PERSON, PLANT}:
        return with_article(word)
    return word if meaning.startswith("the ") or not lexicon.is_countable(word) else with_article(word)


def meaning_question(lexicon, entry):
    if entry.pos == "n":
        return f"What is {subject(lexicon, entry)}?"
    if entry.pos == "v":
        return f"What does it mean to {entry.word}?"
    return f"What does {entry.word} mean?"


def meaning_answer(lexicon, entry):
    """Never begins with the word itself: inside a sentence it is always the same tokens, and easier learnt."""
    if entry.pos == "v":
        return f"To {entry.word} means to {entry.meaning}."
    name = subject(lexicon, entry)
    if entry.pos == "n" and name != entry.word:
        return f"{capital(name)} is {entry.meaning}."
    return f"The word {entry.word} means {entry.meaning}."


def noun_sentences(lexicon, entry, others):
    word, meaning, name = entry.word, entry.meaning, subject(lexicon, entry)
    yield f"What is {name}? It is {meaning}."
    yield f"The word {word} means {meaning}."
    yield f"Which word means {meaning}? The word is {word}."
    if not entry.kinds:
        return
    kind = entry.kinds[0]
    yield f"{capital(name)} is a kind of {kind}."
    yield f"{capital(name)} is a kind of {kind}: {meaning}."
    yield f"One kind of {kind} is {name}."
    yield f"Is {name} a kind of {kind}? Yes, {name} is a kind of {kind}."
    wrong = next((each for each in others if each not in entry.kinds), None)
    if wrong:
        yield f"Is {name} a kind of {wrong}? No, {name} is a kind of {kind}."
    if len(entry.kinds) > 1:
        above = entry.kinds[1]
        yield f"{capital(name)} is a kind of {kind}, and {kind} is a kind of {above}."
        yield f"{capital(name)} is also a kind of {above}."
    if name.startswith(("a ", "an ")) and lexicon.is_countable(kind):
        yield f"All {lexicon.plural(word)} are {lexicon.plural(kind)}."
        yield f"Every {word} is {with_article(kind)}, but not every {kind} is {name}."


def verb_sentences(entry):
    word, meaning = entry.word, entry.meaning
    yield f"To {word} is to {meaning}."
    yield f"The verb {word} means to {meaning}."
    yield f"What does it mean to {word}? It means to {meaning}."
    yield f"Which verb means to {meaning}? The verb is {word}."
    yield f"If you want to {meaning}, you want to {word}."


def adjective_sentences(entry):
    word, meaning = entry.word, entry.meaning
    yield f"The adjective {word} means {meaning}."
    yield f"What does {word} mean? It means {meaning}."
    yield f"Which adjective means {meaning}? The adjective is {word}."
    yield f"Something is called {word} when it is {meaning}."
    if entry.antonym:
        yield f"If something is {word}, it is not {entry.antonym}."


def sentences(lexicon, entry, others):
    """All that is said about a word, without repetition."""
    own = {"n": lambda: noun_sentences(lexicon, entry, others), "v": lambda: verb_sentences(entry), "a": lambda: adjective_sentences(entry)}
    said = [meaning_answer(lexicon, entry), *own[entry.pos]()]
    said += [f"Another word for {entry.word} is {same}." for same in entry.synonyms[:2]]
    said += [f"The opposite of {entry.word} is {entry.antonym}."] if entry.antonym else []
    said += [f"For example: {sentence(example)}" for example in entry.examples[:3]]
    return list(dict.fromkeys(said))


def dialogues(lexicon, entry, others):
    """(question, answer) pairs for the chat form."""
    name = subject(lexicon, entry)
    explained = meaning_answer(lexicon, entry)
    pairs = [(meaning_question(lexicon, entry), explained), (f"Define {entry.word}.", explained), (f"What is the meaning of {entry.word}?", explained)]
    if entry.kinds:
        kind = entry.kinds[0]
        answer = f"{capital(name)} is a kind of {kind}."
        pairs.append((f"What kind of thing is {name}?", answer))
        pairs.append((f"Tell me about {name}.", f"{explained} It is a kind of {kind}."))
        pairs.append((f"Is {name} a kind of {kind}?", f"Yes, {name} is a kind of {kind}."))
        pairs += [(f"Is {name} a kind of {each}?", f"No, {name} is a kind of {kind}.") for each in others[:1] if each not in entry.kinds]
        pairs.append((f"Name a kind of {kind}.", answer))
    if entry.antonym:
        pairs.append((f"What is the opposite of {entry.word}?", f"The opposite of {entry.word} is {entry.antonym}."))
    if entry.synonyms:
        pairs.append((f"What is another word for {entry.word}?", f"Another word for {entry.word} is {entry.synonyms[0]}."))
    if entry.examples:
        pairs.append((f"Use the word {entry.word} in an example.", sentence(entry.examples[0])))
    return pairs
