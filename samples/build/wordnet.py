"""Reads WordNet 3.0's database files (man 5 wndb): frequent words with a short meaning each."""

import collections
import dataclasses
import pathlib
import re
import subprocess
import tempfile

HERE = pathlib.Path(__file__).parent
INSTALLED = pathlib.Path("/usr/share/wordnet")
CACHE = HERE / ".cache"

ANIMAL, ARTIFACT, BODY, FOOD, GROUP, OBJECT, PERSON, PLANT, SUBSTANCE = 5, 6, 8, 13, 14, 17, 18, 20, 27
ACT, ATTRIBUTE, COGNITION, COMMUNICATION, EVENT, FEELING, STATE, TIME = 4, 7, 9, 10, 11, 12, 26, 28
CONCRETE = {ANIMAL, ARTIFACT, BODY, FOOD, OBJECT, PERSON, PLANT}
ABSTRACT = {ACT, ATTRIBUTE, COGNITION, COMMUNICATION, EVENT, FEELING, STATE}

# A sample that strangers read: no slurs, no sex, no gore; and nothing that is about the word itself.
UNWANTED = re.compile(
    r"\bgay\b|stupid|normal intell|pagan|aborigin|indigen|primitive|hammerhead|violent|informal|terms? (?:for|of)|offens|dispar|derogat|slur|slang|vulgar|obscen|sex|genital|prostitut|copulat|erotic|intercourse|breast|penis"
    r"|vagina|urin|feces|fecal|excre|anus|buttock|nude|naked|virgin|rape|murder|suicid|kill|tortur|terroris|slave"
    r"|negro|jew|muslim|islam|christian|catholic|ethnic|racial|black people|white people|homosex|lesbian|whore|nazi"
    r"|drunk|drug|heroin|cocaine|corpse|execution|pregnan|hitler|gun\b|pistol|sperm|gin\b|ginmill|weapon|damn|hell\b",
    re.IGNORECASE,
)
# Hypernyms that explain nothing.
VAGUE = {"entity", "abstraction", "whole", "unit", "matter", "being", "object", "thing", "attribute", "artifact", "organism", "solid"}
WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")


@dataclasses.dataclass
class Synset:
    pos: str
    lexfile: int
    words: list
    pointers: list  # (symbol, pos + offset of the target, source word, target word)
    meaning: str
    examples: list


@dataclasses.dataclass
class Entry:
    """A word in its most usual sense."""

    word: str
    pos: str
    lexfile: int
    meaning: str
    kinds: list  # from the nearest common hypernym upwards
    synonyms: list
    antonym: str
    examples: list
    score: int


def find_wordnet():
    """The installed package, else one fetched with apt into the build cache."""
    if (INSTALLED / "data.noun").exists():
        return INSTALLED
    unpacked = CACHE / "usr/share/wordnet"
    if not (unpacked / "data.noun").exists():
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["apt-get", "download", "wordnet-base"], cwd=folder, check=True)
            (package,) = pathlib.Path(folder).glob("wordnet-base_*.deb")
            subprocess.run(["dpkg-deb", "-x", str(package), str(CACHE.resolve())], check=True)
    return unpacked


def split_gloss(gloss):
    """The first meaning without asides, and the quoted examples."""
    examples = re.findall(r'"([^"]+)"', gloss)
    meaning = re.sub(r'["].*', "", gloss)
    meaning = re.sub(r"\([^)]*\)", "", meaning).split(";")[0]
    return re.sub(r"\s+", " ", meaning).replace(" ,", ",").strip(" ,:;-"), examples


def read_synsets(folder):
    synsets = {}
    for pos, name in (("n", "noun"), ("v", "verb"), ("a", "adj")):
        for line in (folder / f"data.{name}").read_text("latin-1").splitlines():
            if line.startswith("  "):
                continue
            fields, _, gloss = line.partition(" | ")
            field = fields.split()
            count = int(field[3], 16)
            words = [re.sub(r"\(.*\)", "", field[4 + 2 * i]).replace("_", " ") for i in range(count)]
            at = 4 + 2 * count
            pointers = []
            for i in range(int(field[at])):
                symbol, offset, target, ends = field[at + 1 + 4 * i : at + 5 + 4 * i]
                target = "a" if target == "s" else target
                pointers.append((symbol, target + offset, int(ends[:2], 16), int(ends[2:], 16)))
            meaning, examples = split_gloss(gloss)
            synsets[pos + field[0]] = Synset(pos, int(field[1]), words, pointers, meaning, examples)
    return synsets


def read_senses(folder):
    """(word, pos) -> its most usual synset, and how often the word was tagged in Princeton's text."""
    counts = collections.Counter()
    names = {"1": "n", "2": "v", "3": "a", "5": "a"}
    for line in (folder / "cntlist.rev").read_text("latin-1").splitlines():
        key, _, count = line.split()
        word, _, rest = key.partition("%")
        if rest[0] in names:
            counts[word.replace("_", " "), names[rest[0]]] += int(count)
    first = {}
    for pos, name in (("n", "noun"), ("v", "verb"), ("a", "adj")):
        for line in (folder / f"index.{name}").read_text("latin-1").splitlines():
            if not line.startswith(" "):
                field = line.split()
                first[field[0].replace("_", " "), pos] = pos + field[-int(field[2])]
    return first, counts


def read_plurals(folder):
    """singular -> irregular plural"""
    pairs = (line.split()[:2] for line in (folder / "noun.exc").read_text().splitlines())
    plurals = {}
    for plural, singular in pairs:
        plurals.setdefault(singular, plural)
    return plurals


class Lexicon:
    def __init__(self, folder):
        self.synsets = read_synsets(folder)
        self.first, self.counts = read_senses(folder)
        self.plurals = read_plurals(folder)
        # How often a word is used in explaining others: the best sign that it is a common one.
        self.used = collections.Counter()
        for synset in self.synsets.values():
            for text in (synset.meaning, *synset.examples):
                self.used.update(WORD.findall(text.lower()))
        self.rank = {word: i for i, (word, _) in enumerate(self.used.most_common())}

    def is_plain(self, text, limit):
        """Only words among the `limit` most used ones, nothing unwanted, no names or figures."""
        if UNWANTED.search(text) or re.search(r"[^A-Za-z ,.'?!-]", text):
            return False
        words = WORD.findall(text.lower())
        return bool(words) and all(self.rank.get(word, limit) < limit for word in words)

    def score(self, word, pos):
        return 3 * self.counts[word, pos] + self.used[word]

    def kinds_of(self, synset):
        """Hypernyms with a common single word, nearest first."""
        found = []
        for _ in range(12):
            above = [target for symbol, target, _, _ in synset.pointers if symbol == "@"]
            if not above:
                break
            key = above[0]
            synset = self.synsets[key]
            # Only words that mean this before anything else: "content", not "substance", for what is said.
            usual = [word for word in synset.words if self.first.get((word, "n")) == key]
            word = max(usual, key=lambda each: self.score(each, "n"), default="")
            if re.fullmatch(r"[a-z]+", word) and self.score(word, "n") >= 60 and not UNWANTED.search(word):
                found.append(word)
        return [word for word in dict.fromkeys(found) if word not in VAGUE][:3]

    def antonym_of(self, key, word):
        synset = self.synsets[key]
        for symbol, target, source, number in synset.pointers:
            if symbol == "!" and (source == 0 or synset.words[source - 1] == word):
                return self.synsets[target].words[number - 1]
        return ""

    def entry(self, word, pos, limit):
        """None where the word's usual sense has no short plain meaning."""
        key = self.first[word, pos]
        synset = self.synsets[key]
        length = len(synset.meaning.split())
        if not 3 <= length <= 15 or not self.is_plain(synset.meaning, limit) or UNWANTED.search(word):
            return None
        if word in WORD.findall(synset.meaning) or re.search(r"[.?!A-Z]", synset.meaning):
            return None
        if 2 * self.counts[word, pos] < max(self.counts[word, other] for other in "nva"):
            return None  # "must" is a noun too, but nobody asks what a must is
        same = [each for each in synset.words if each != word and re.fullmatch(r"[a-z]+", each)]
        return Entry(
            word=word,
            pos=pos,
            lexfile=synset.lexfile,
            meaning=synset.meaning.removeprefix("to "),
            kinds=[kind for kind in self.kinds_of(synset) if kind != word] if pos == "n" else [],
            synonyms=[each for each in same if self.score(each, pos) >= 20 and not UNWANTED.search(each)],
            antonym=self.antonym_of(key, word),
            examples=[each for each in synset.examples if self.is_plain(each, limit) and uses(each, word)],
            score=self.score(word, pos),
        )

    def entries(self, pos, count, limit, accept=lambda entry: True):
        """The most common words of a part of speech that have a usable entry."""
        words = sorted(
            (word for word, each in self.first if each == pos and re.fullmatch(r"[a-z]{3,12}", word)),
            key=lambda word: (-self.score(word, pos), word),
        )
        found = []
        for word in words:
            entry = self.entry(word, pos, limit)
            if entry and accept(entry):
                found.append(entry)
                if len(found) == count:
                    break
        return found

    def is_countable(self, word):
        """Common words that are hardly ever used in the plural are not counted: water, meat, anger."""
        return 10 * self.used[self.plural(word)] >= self.used[word]

    def plural(self, word):
        if word in self.plurals:
            return self.plurals[word]
        if re.search(r"(s|x|z|ch|sh)$", word):
            return word + "es"
        if re.search(r"[^aeiou]y$", word):
            return word[:-1] + "ies"
        return word + "s"


def uses(example, word):
    """A short example with a form of the word itself, not of its synonym."""
    return 3 <= len(example.split()) <= 12 and re.search(rf"\b{word[: max(3, len(word) - 1)]}", example) is not None


def has_article(meaning):
    return re.match(r"(a|an|any|one|someone|something|either|the)\b", meaning) is not None


def with_article(phrase):
    vowel = re.match(r"(?!u[ns]i|eu|one\b|u[st]e)[aeiou]|hour|honest|heir", phrase)
    return ("an " if vowel else "a ") + phrase
