"""Tokens and loss masks of many kinds of tokenizers, by the tokenizers library's own offsets.

    python make_offsets.py      (transformers 5.23, tokenizers 0.23)

Writes into offsets/: a small tokenizer.json of each kind, trained here, and cases.json with texts,
spans of them in UTF-16 units, and for each kind the ids, the mask and the decoded text. A token
counts when one of the characters that its offsets name lies in a span; offsets are taken without
trimming. Where transformers' own rule for assistant masks (char_to_token of both ends) decides, it
must agree but for the further byte tokens of a span's last character, which it leaves out.
"""

import json
import pathlib
import random

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

HERE = pathlib.Path(__file__).parent / "offsets"
SPECIAL = ["<unk>", "<s>", "</s>", "<|user|>", "<|assistant|>"]
QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA3 = QWEN.replace(r"\p{N}|", r"\p{N}{1,3}|")
PIECES = [
    "Brest", "Paris is the capital of France.", "", " ", "  leading", "trailing  ", "line\nline\n\n", "\n",
    "tabs\tand\r\nlines", "Grüße aus Köln – schön!", "日本語のテキスト", "👩‍👩‍👧‍👦 and 🇩🇪 🎉", "e\u0301 cafe\u0301", "\u0301",
    "ﬁne ½ ①Ⅳ", "ＦＵＬＬ width", "ÀÉÎ UPPER lower", "I'll don't it's", "1234567890 3.14", "a" * 30, "x <mask> y <mask>",
    "<tool>  next", "word<one>word <one> word", "\u00a0nbsp\u2009thin\u3000wide", "مرحبا بالعالم", "नमस्ते", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈",
    "\u200b\u200dzero", "def f(x):\n    return x\n", "▁underscore ▁▁", "İstanbul ß ẞ", "\ufeffmark", "한국어 각",
]  # fmt: skip


def texts():
    chance = random.Random(5)
    for _ in range(36):
        parts, spans, at = [], [], 0

        def add(text, counted):
            nonlocal at
            parts.append(text)
            end = at + len(text)
            if counted and text:
                spans.append((at, end))
            at = end

        for _ in range(chance.randint(1, 3)):
            add("<|user|>" + chance.choice(["", "\n", " "]), False)
            add(chance.choice(PIECES) + chance.choice(["", " "]) + chance.choice(PIECES), False)
            add("</s>" + chance.choice(["", "\n"]) + "<|assistant|>" + chance.choice(["", "\n", " "]), False)
            add(chance.choice(PIECES) + chance.choice(PIECES) + chance.choice(["", "</s>", "</s>\n"]), True)
        if chance.random() < 0.4:
            add(chance.choice(PIECES), False)
        yield "".join(parts), spans
    # A completion right behind a prompt, at every kind of border.
    for prompt, answer in [("2+2=", "4"), ("a\n\n", "b"), ("a", " b"), ("e", "\u0301x"), ("👩", "‍👩 x"), ("x ", "<mask> y")]:
        yield prompt + answer, [(len(prompt), len(prompt + answer))]


TEXTS = list(texts())


def byte_level(split=None, normalizer=None, post=None):
    tokenizer = Tokenizer(models.BPE())
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = (
        pre_tokenizers.ByteLevel(add_prefix_space=False)
        if split is None
        else pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(split), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
    )
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, trainers.BpeTrainer, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), vocab_size=420)
    if post:
        tokenizer.post_processor = post(tokenizer)
    return tokenizer


def bos(tokenizer):
    return processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )


def ends(tokenizer):
    pairs = [(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>")]
    return processors.TemplateProcessing(single="<s> $A </s>", special_tokens=pairs)


def train(tokenizer, trainer, vocab_size=300, **options):
    tokenizer.train_from_iterator(
        [text for text, _ in TEXTS] + PIECES * 3,
        trainer(vocab_size=vocab_size, special_tokens=SPECIAL, show_progress=False, **options),
    )


def sentence_piece(normalizer=None, pre_tokenizer=None, post=bos):
    """As Llama 2: a BPE that falls back to bytes."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    # Trained on few characters, so that the others come as bytes.
    plain = [text for text in PIECES if text.isascii()] * 3
    fallback = [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer.train_from_iterator(
        plain, trainers.BpeTrainer(vocab_size=380, special_tokens=SPECIAL + fallback, show_progress=False)
    )
    # Bytes are tokens of the model, and not added ones.
    content = json.loads(tokenizer.to_str())
    content["added_tokens"] = [token for token in content["added_tokens"] if not token["content"].startswith("<0x")]
    tokenizer = Tokenizer.from_str(json.dumps(content))
    strip = [decoders.Strip(" ", 1, 0)]
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
    )
    tokenizer.post_processor = post(tokenizer)
    return tokenizer


def unigram(normalizer, scheme):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme=scheme)
    train(tokenizer, trainers.UnigramTrainer, unk_token="<unk>")
    tokenizer.post_processor = ends(tokenizer)
    return tokenizer


def word_piece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    train(tokenizer, trainers.WordPieceTrainer)
    pair = [(token, tokenizer.token_to_id(token)) for token in ("</s>", "<s>")]
    tokenizer.post_processor = processors.BertProcessing(*pair)
    return tokenizer


def with_added(tokenizer):
    tokenizer.add_tokens(
        [
            AddedToken("<mask>", lstrip=True, special=True),
            AddedToken("<tool>", rstrip=True, special=True),
            AddedToken("<one>", single_word=True),
        ]
    )
    return tokenizer


LLAMA2 = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
NFKC = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
KINDS = {
    "gpt2": lambda: byte_level(post=lambda _: processors.ByteLevel(trim_offsets=True)),
    "roberta": lambda: byte_level(
        post=lambda t: processors.RobertaProcessing(
            ("</s>", t.token_to_id("</s>")), ("<s>", t.token_to_id("<s>")), trim_offsets=True
        )
    ),
    "llama3": lambda: byte_level(LLAMA3, post=bos),
    "qwen": lambda: byte_level(QWEN, normalizers.NFC()),
    "added": lambda: with_added(byte_level(QWEN, normalizers.NFC())),
    "llama2": lambda: sentence_piece(LLAMA2),
    "metaspace-always": lambda: sentence_piece(
        pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    ),
    "metaspace-first": lambda: with_added(
        sentence_piece(pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme="first", split=False))
    ),
    "metaspace-never": lambda: sentence_piece(
        pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme="never", split=True), post=ends
    ),
    "unigram-nfkc": lambda: unigram(NFKC, "always"),
    "unigram-lower": lambda: unigram(normalizers.Sequence([NFKC, normalizers.Lowercase()]), "first"),
    "word-piece": word_piece,
}


def untrimmed(tokenizer):
    """The same with offsets that name all characters of a token."""
    return Tokenizer.from_str(tokenizer.to_str().replace('"trim_offsets":true', '"trim_offsets":false'))


def mask_of(encoding, spans, text):
    learnt = {at for start, end in spans for at in range(start, end)}
    mask = [int(any(at in learnt for at in range(*offsets))) for offsets in encoding.offsets]
    for start, end in spans:
        first, last = encoding.char_to_token(start), encoding.char_to_token(end - 1)
        if first is None or last is None:
            continue
        assert all(mask[first : last + 1]), (text, start, end)
        assert not first or encoding.offsets[first - 1][1] <= start, (text, start, end)
        after = last + 1
        while after < len(mask) and encoding.offsets[after][0] < end and encoding.offsets[after][1] > 0:
            after += 1
        assert encoding.offsets[after - 1][0] <= end - 1
    return "".join(map(str, mask))


def utf16(text, at):
    return len(text[:at].encode("utf-16-le")) // 2


HERE.mkdir(exist_ok=True)
expected = {}
for name, make in KINDS.items():
    tokenizer = make()
    tokenizer.save(str(HERE / f"{name}.json"), pretty=False)
    exact = untrimmed(tokenizer)
    rows = []
    for index, (text, spans) in enumerate(TEXTS):
        special = index % 2 == 1
        encoding = exact.encode(text, add_special_tokens=special)
        assert encoding.ids == tokenizer.encode(text, add_special_tokens=special).ids
        decoded = tokenizer.decode(encoding.ids, skip_special_tokens=False)
        rows.append([encoding.ids, mask_of(encoding, spans, text), decoded])
    expected[name] = rows
cases = {
    "texts": [[text, [[utf16(text, a), utf16(text, b)] for a, b in spans]] for text, spans in TEXTS],
    "expected": expected,
}
(HERE / "cases.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
