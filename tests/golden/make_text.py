#!/usr/bin/env python3
"""Makes the files of tests/golden/text, which the tests of core/text read.

    python tests/golden/make_text.py tests/golden/text

Needs tokenizers 0.23, transformers 5, sentencepiece and protobuf. Tiny tokenizers of every published form are trained on
the texts below (ties are broken by chance: a second run makes other files, as good); what the `tokenizers` library makes
of a list of awkward texts is written beside them.
"""

import argparse
import base64
import json
import pathlib
import random
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

CORPUS = [
    "a photo of a cat", "a photo of two cats on a sofa", "A blurry photo of the dog.", "The quick brown fox jumps over",
    "What is shown in this image? Use exactly one word!", "USER: Describe the picture. ASSISTANT: The picture shows a",
    "it's, we're, I've, I'm, they'll, he'd, don't", "1234 5678 90 2024 3.14", "hello world hello there world",
    "größe straße über naïve café", "привет мир", "مرحبا بالعالم", "你好世界 日本語 テスト", "สวัสดีชาวโลก", "안녕하세요",
    "for (int i = 0; i < 10; ++i) { return; }", "line one\nline two\n\n\tindented", "lower newer lowest newest wider widest",
] * 4

TEXTS = [
    "", " ", "  ", "\n", "\t", "a", " a", "a ", "  a  ", "a photo of a cat", "A PHOTO of a Cat!", "hello world",
    " hello", "hello ", "hello  world", "hello   world   ", "\n\nhello\n\tworld\r\n", "it's I'M they'LL we're",
    "What is shown in this image? Use exactly one word!", "USER: <image>\nWhat is this? ASSISTANT:",
    "<image>", "<image><image>", " <image> ", "a<image>b", "x <image>", "<image> x", "<s>hello</s>", "<s> hello </s> x",
    "<|startoftext|>a cat<|endoftext|>", "<|endoftext|> <|endoftext|>", "<|STARTOFTEXT|>", "<unk>", "<pad>", "<bos>hi<eos>",
    "<0x0A>", "<0xE4>", "▁", "▁▁a", " ▁ a▁", "a▁b", "NAÏVE café cafe\u0301 e\u0301\u0323", "ǅ İstanbul ΟΔΟΣ ẞ ﬁ ﬀ",
    "ｆｕｌｌ ｗｉｄｔｈ １２３ ㍿ ℌ ①", "\u1112\u1161\u11ab\u1100\u1173\u11af 한글 가\u11a8", "你好，世界。日本語テスト", "สวัสดีชาวโลก ภาษาไทย", "مرحبا بالعالم ١٢٣ لَا",
    "हिन्दी क्षत्रिय", "привет МИР", "😀", "😀😀 x", "👨\u200d👩\u200d👧\u200d👦 family", "👍🏽🇩🇪", "a\u0300\u0301\u0302b", "\u0301", "e\u0301",
    "zero\u200bwidth\u200c\u200d\ufeff", "nb\u00a0sp\u2003em\u3000ideo\u0085nel\u2028ls", "\u0000nul\u0000", "\u0001\u0002\u001f\u007f bell\u0007",
    "\x0b\x0c vt ff", "\x1c\x1d fs", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𠜎", "\U0010ffff\ue000", "½ ² ₃ Ⅷ", "123456789 1,234.5", "...!!!???---", "(a)[b]{c}<d>",
    "'s 't 're", "snake_case CamelCase kebab-case", "http://a.b/c?d=e&f=g", "a\u00adb", "ﷺ", "Ａ\u0301", "  \n  \n  ", "x" * 200, "ab " * 60,
    "word<mask>word", "the<mask> mask", "the <mask>", "one<w>two", "one <w> two", "<w>", "<strip>  a  <strip>  b", "Hello hello HELLO",
    "a\u0345b \u0149 \u1e9b\u0323", "\u0f71\u0f72\u0f74", "long" * 40 + " tail", "\ufffd\ufffd", "tab\tsep\tvalues", "`~|\\^$#@%&*+=", "\u2581\u2581",
]


def long_text():
    """10,000 characters, much as a web page has them: words, other scripts, long runs of one kind."""
    rng = random.Random(5)
    text = "x" * 500 + " " * 300 + "\n" * 100 + "😀" * 100 + "語" * 300
    while len(text) < 10000:
        text += rng.choice(TEXTS) + rng.choice([" ", "", "\n"])
    return text[:10000]


BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def train_bpe(specials, normalizer=None, pre=None, suffix=None, size=600, alphabet=()):
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre:
        tokenizer.pre_tokenizer = pre
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=specials, initial_alphabet=sorted(alphabet), end_of_word_suffix=suffix or "",
        show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    return json.loads(tokenizer.to_str())["model"]


def added(id, content, special=True, **rules):
    token = {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": not special,
             "special": special}
    return token | rules


def assemble(model, added_tokens, normalizer, pre, post, decoder):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added_tokens, "normalizer": normalizer,
            "pre_tokenizer": pre, "post_processor": post, "decoder": decoder, "model": model}


def spec(part):
    """The JSON of a part that the library makes."""
    return json.loads(part.__getstate__())


def template(before, after):
    special = {text: {"id": text, "ids": [id], "tokens": [text]} for text, id in before + after}
    items = [{"SpecialToken": {"id": text, "type_id": 0}} for text, _ in before]
    items += [{"Sequence": {"id": "A", "type_id": 0}}]
    items += [{"SpecialToken": {"id": text, "type_id": 0}} for text, _ in after]
    return {"type": "TemplateProcessing", "single": items, "pair": items + [{"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": special}


def as_pairs(model):
    return model | {"merges": [merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"]]}


def as_strings(model):
    return model | {"merges": [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]}


def clip():
    normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    words = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"

    def pre(regex):
        return pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(regex), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])

    alphabet = pre_tokenizers.ByteLevel.alphabet()
    model = train_bpe([], normalizer, pre(words), "</w>", 700, alphabet)
    # OpenAI's order: bytes, bytes at a word's end, merges, the two marks.
    order = sorted(alphabet) + [c + "</w>" for c in sorted(alphabet)]
    order += sorted((t for t in model["vocab"] if t not in order), key=model["vocab"].get) + ["<|startoftext|>", "<|endoftext|>"]
    model |= {"vocab": {t: i for i, t in enumerate(order)}, "unk_token": "<|endoftext|>", "continuing_subword_prefix": "",
              "end_of_word_suffix": "</w>", "fuse_unk": False}
    start, end = len(order) - 2, len(order) - 1
    marks = [added(start, "<|startoftext|>", normalized=True), added(end, "<|endoftext|>", normalized=False)]
    roberta = {"type": "RobertaProcessing", "sep": ["<|endoftext|>", end], "cls": ["<|startoftext|>", start],
               "trim_offsets": False, "add_prefix_space": False}
    byte_level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True}
    yield "clip", assemble(as_strings(model), marks, spec(normalizer), spec(pre(words)), roberta, byte_level)
    # As transformers writes it today: merges as pairs, the marks in the expression.
    yield "clip_pairs", assemble(
        as_pairs(model), [m | {"normalized": False} for m in marks], spec(normalizer),
        spec(pre(r"<\|startoftext\|>|<\|endoftext\|>|" + words)),
        template([("<|startoftext|>", start)], [("<|endoftext|>", end)]), byte_level)


def llama():
    base = ["<unk>", "<s>", "</s>"]
    model = train_bpe(base + BYTES, normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), None, None, 700)
    model |= {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}
    size = len(model["vocab"])
    extra = [added(i, t) for i, t in enumerate(base)]
    extra += [added(size, "<image>"), added(size + 1, "<pad>"), added(size + 2, "<mask>", lstrip=True),
              added(size + 3, "<w>", False, single_word=True), added(size + 4, "<strip>", rstrip=True, lstrip=True)]
    legacy = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
                                                  {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
    decoder = spec(decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]))
    post = template([("<s>", 1)], [])
    yield "llama_legacy", assemble(as_strings(model), extra, legacy, None, post, decoder)
    for scheme, split in (("first", False), ("first", True), ("always", True), ("never", False)):
        metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split}
        yield f"llama_{scheme}_{'split' if split else 'whole'}", assemble(
            as_pairs(model), extra, None, metaspace, post, decoder if scheme == "first" else metaspace)
    # Without byte fallback unknown characters fuse, or do not.
    for fuse in (True, False):
        yield f"llama_unknown_{'fused' if fuse else 'single'}", assemble(
            model | {"byte_fallback": False, "fuse_unk": fuse}, extra, legacy, None, None, decoder)


def gemma():
    base = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    normalizer = {"type": "Sequence", "normalizers": [{"type": "Lowercase"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
    model = train_bpe(base + BYTES, normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(" ", "▁")]), None, None, 700)
    model |= {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True, "ignore_merges": False}
    runs = [text * n for text in "\n▁" for n in range(2, 6)]
    runs = [added(model["vocab"].setdefault(run, len(model["vocab"])), run, False, normalized=False) for run in runs]
    pre = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
    decoder = spec(decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]))
    yield "siglip2", assemble(as_pairs(model), [added(i, t) for i, t in enumerate(base)] + runs, normalizer, pre,
                              template([("<bos>", 2)], [("<eos>", 1)]), decoder)


def train_unigram(folder, rules, byte_fallback):
    """Pieces, and the character map of a few rules, by SentencePiece itself."""
    table = folder / "rules.tsv"
    table.write_text("".join(" ".join(f"{ord(c):X}" for c in a) + "\t" + " ".join(f"{ord(c):X}" for c in b) + "\n" for a, b in rules))
    corpus = folder / "corpus.txt"
    corpus.write_text("\n".join(line for text in CORPUS for line in text.split("\n")))
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(folder / "unigram"), vocab_size=620 if byte_fallback else 360, model_type="unigram",
        normalization_rule_tsv=str(table), byte_fallback=byte_fallback, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        hard_vocab_limit=False, minloglevel=2)
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString((folder / "unigram.model").read_bytes())
    return [[piece.piece, piece.score] for piece in proto.pieces], proto.normalizer_spec.precompiled_charsmap


def unigram(folder):
    rules = [(chr(0xFF01 + i), chr(0x21 + i)) for i in range(94)]
    rules += [("ﬁ", "fi"), ("ﬀ", "ff"), ("㍿", "株式会社"), ("①", "1"), ("e\u0301", "é"), ("a\u0300", "à"), ("\u00a0", " "), ("\u3000", " "),
              ("\t", " "), ("\n", " "), ("\u200b", " "), ("\u0007", ""), ("\u1112\u1161", "하"), ("½", "1\u20442"), ("À", "à"), ("ﷺ", "صلى الله")]
    pieces, charsmap = train_unigram(folder, rules, False)
    charsmap = base64.b64encode(charsmap).decode()
    base = [added(0, "<pad>"), added(1, "</s>"), added(2, "<unk>")]
    post = template([], [("</s>", 1)])
    metaspace = {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True}
    model = {"type": "Unigram", "unk_id": 2, "vocab": pieces, "byte_fallback": False}
    punctuation = "[" + "".join("\\" + c if c in "\\]^-[" else c for c in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") + "]"
    siglip = {"type": "Sequence", "normalizers": [
        {"type": "Lowercase"}, {"type": "Replace", "pattern": {"Regex": punctuation}, "content": ""},
        {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "}, {"type": "Strip", "strip_left": True, "strip_right": True},
        {"type": "Precompiled", "precompiled_charsmap": charsmap},
        {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"}]}
    yield "siglip", assemble(model, base, siglip, metaspace, post, metaspace)
    t5 = {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace | {"prepend_scheme": "always", "split": True}]}
    yield "t5", assemble(model, base + [added(len(pieces), "<mask>", lstrip=True), added(len(pieces) + 1, "<w>", False)],
                         {"type": "Precompiled", "precompiled_charsmap": charsmap}, t5, post, metaspace)
    bytes_too, _ = train_unigram(folder, rules, True)
    yield "unigram_bytes", assemble(
        {"type": "Unigram", "unk_id": 2, "vocab": bytes_too, "byte_fallback": True}, base, {"type": "NFKC"},
        metaspace | {"prepend_scheme": "first", "split": False}, post,
        spec(decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])))


def byte_level():
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    model = train_bpe([], None, pre_tokenizers.ByteLevel(add_prefix_space=False), None, 700, alphabet)
    size = len(model["vocab"])
    part = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    yield "gpt2", assemble(as_strings(model) | {"unk_token": ""}, [added(size, "<|endoftext|>", normalized=True), added(size + 1, "<image>")],
                           None, part, part, part)
    yield "gpt2_prefix", assemble(as_pairs(model), [added(size, "<mask>", lstrip=True)], {"type": "NFD"}, part | {"add_prefix_space": True},
                                  {"type": "BertProcessing", "sep": ["<mask>", size], "cls": ["<mask>", size]}, part)
    words = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    pre = {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": words}, "behavior": "Isolated", "invert": False}, part | {"use_regex": False}]}
    whole = as_pairs(model) | {"ignore_merges": True, "vocab": model["vocab"] | {"Ġlowestnewest": size}}
    yield "llama3", assemble(
        whole, [added(size + 1, "<|begin_of_text|>"), added(size + 2, "<image>")], None, pre,
        {"type": "Sequence", "processors": [part, template([("<|begin_of_text|>", size + 1)], [])]}, part)


def odd():
    """Parts that no family above uses: every way to split, digits, joining without a decoder, suffixes."""
    model = train_bpe(["<unk>"], None, None, None, 400) | {"unk_token": "<unk>"}
    for behavior in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
        pre = {"type": "Split", "pattern": {"Regex": r"[\s\p{P}]"}, "behavior": behavior, "invert": False}
        digits = {"type": "Digits", "individual_digits": behavior == "Isolated"}
        yield f"split_{behavior}", assemble(model, [added(0, "<unk>")], {"type": "NFKD"},
                                            {"type": "Sequence", "pretokenizers": [pre, digits]}, None, None)
    suffixed = train_bpe(["<unk>"], None, pre_tokenizers.WhitespaceSplit(), "</w>", 400)
    suffixed |= {"unk_token": "<unk>", "end_of_word_suffix": "</w>"}
    yield "suffix", assemble(suffixed, [added(0, "<unk>")], {"type": "Strip", "strip_left": True, "strip_right": False},
                             {"type": "WhitespaceSplit"}, None, {"type": "BPEDecoder", "suffix": "</w>"})


def results(name, document, texts, rng):
    tokenizer = Tokenizer.from_str(json.dumps(document))
    suffix = document["model"].get("end_of_word_suffix")

    def decode(ids, skip):
        text = tokenizer.decode(ids, skip_special_tokens=skip)
        # What transformers does for CLIP.
        return text.replace(suffix, " ").strip() if suffix and document["decoder"]["type"] == "ByteLevel" else text

    def texts_of(ids):
        text, skipped = decode(ids, False), decode(ids, True)
        return {"text": text} | ({"skipped": skipped} if skipped != text else {})

    encoded = []
    for text in texts:
        plain = tokenizer.encode(text, add_special_tokens=False).ids
        full = tokenizer.encode(text).ids
        encoded.append(
            {"plain": plain} | ({"full": full} if len(text) < 1000 else {}) | texts_of(full if len(text) < 1000 else plain))
    size = tokenizer.get_vocab_size()
    decoded = []
    for length in (0, 1, 2, 3, 5, 8, 20, 50):
        for limit in (size, min(size, 300)):  # the low ids are bytes
            ids = [rng.randrange(limit + 3) for _ in range(length)]
            decoded.append({"ids": ids} | texts_of(ids))
    return {"encoded": encoded, "decoded": decoded}


def chat():
    image = "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}"
    text = "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] + ' '}}{% endfor %}"
    trained = text.replace("{{ content['text'] + ' '}}", "{% generation %}{{ content['text'] + ' '}}{% endgeneration %}")
    user = "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': '}}{% endif %}"
    vicuna = ("{% for message in messages %}{% if message['role'] == 'system' %}{{ message['content'][0]['text'] }}{% else %}"
              "{{ message['role'].upper() + ': '}}{% endif %}")
    first, then = "{# Render all images first #}", "{# Render all text next #}"
    end = "{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
    branch = "{% if message['role'] != 'assistant' %}" + text + "{% else %}" + trained + "{% endif %}"
    llava = user + first + image + then + branch + end
    templates = {
        "llava": llava,
        "llava_plain": user + first + image + then + text + end,
        "vicuna": vicuna + first + image + then + text + end,
        "laid_out": llava.replace("%}{%", "%}\n    {%").replace("#}{%", "#}\n{%").replace("'<image>\n'", '"<image>\\n"') + "\n",
    }
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()))
    cases = []
    for name, template in templates.items():
        for question in ("What is shown in this image? Use exactly one word!", "größe {x} {{ y }}\n2", "", "a {text} b"):
            messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]
            prompt = tokenizer.apply_chat_template(messages, chat_template=template, add_generation_prompt=True, tokenize=False)
            cases.append({"name": name, "template": template, "question": question, "prompt": prompt})
    return cases


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)

    def write(name, value):
        (folder / f"{name}.json").write_text(json.dumps(value, separators=(",", ":"), ensure_ascii=False) + "\n")

    texts = TEXTS + [long_text()]
    write("texts", texts)
    write("chat", chat())
    with tempfile.TemporaryDirectory() as scratch:
        families = [*clip(), *llama(), *gemma(), *unigram(pathlib.Path(scratch)), *byte_level(), *odd()]
    rng = random.Random(7)
    for name, document in families:
        # The long text once for each kind of model is enough.
        own = texts if name in ("clip", "llama_legacy", "siglip", "gpt2") else TEXTS
        write(name, document)
        write(f"{name}.expected", results(name, document, own, rng))
    write("families", [name for name, _ in families])


if __name__ == "__main__":
    main()
