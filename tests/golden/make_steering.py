"""Writes tests/golden/steering/*.safetensors: transformers' LLaVA with an SAE inside its vision tower, as the paper steers it.

    git clone https://github.com/saprmarks/dictionary_learning && git clone https://github.com/ExplainableML/sae-for-vlm
    pip install torch transformers einops tqdm
    python tests/golden/make_steering.py --library dictionary_learning --paper sae-for-vlm

Written with transformers 5.23.0, dictionary_learning at 60ec6bf5 and the paper's scripts at 69e211d. The models are those of
tests/golden/models; {model}_sae/ holds a seeded SAE in the library's layout. {model}.safetensors, float32: "ids", "pixels",
and for each case "CASE.logits" [V] of the first token and "CASE.greedy" [12]. Cases: "original"; "reconstruction" and the
others with the paper's SAEWrapper (`z[:, :, id] = value`, `pre_zero`) around the layer's output, its cast to float16 left
out. sampling.safetensors: "logits" [V], "history" [T], and "probabilities.TEMPERATURE.TOPP.NGRAM" [V] by transformers' own
processors of logits. processor/, image.png and spoken.json: a tokenizer and an image processor for the model "llava", and from
an image file and a question to the answer with them.
"""
import argparse
import json
import os
import sys

import dictionary_learning_alone
import tokenizers
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

parser = argparse.ArgumentParser()
parser.add_argument("--library", required=True)
parser.add_argument("--paper", required=True)
args = parser.parse_args()
dictionary_learning_alone.use(args.library)
from dictionary_learning.trainers.batch_top_k import BatchTopKSAE  # noqa: E402
from dictionary_learning.trainers.matryoshka_batch_top_k import MatryoshkaBatchTopKSAE  # noqa: E402

import make_llava  # noqa: E402  (before the paper's folder is on the path)
from transformers import (  # noqa: E402
    LlavaForConditionalGeneration,
    NoRepeatNGramLogitsProcessor,
    PreTrainedTokenizerFast,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil  # noqa: E402

sys.path.insert(0, args.paper)
for name in ("models", "datasets"):
    sys.modules.pop(name, None)
from models.llava import SAEWrapper  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "steering")
make_llava.NEW_TOKENS = 12
WIDTH, LATENTS, K = 36, 64, 6

# CASE: (neurons to fix, pre_zero)
CASES = {
    "reconstruction": ({}, False),
    "set": ({5: 30.0}, False),
    "several": ({5: 20.0, 40: -15.0, 63: 25.0}, False),
    "pre_zero": ({7: 12.0}, True),
}


class Wrapper(SAEWrapper):
    def decode(self, z):
        return self.sae.decode(z)


# In the layer's own forward, as the paper has it: a hook comes after the states that the projector reads are taken.
def steered_forward(layer, wrapper):
    def forward(*inputs, **options):
        output = type(layer).forward(layer, *inputs, **options)
        x = output[0] if isinstance(output, tuple) else output
        y = wrapper.decode(wrapper.encode(x))
        return (y, *output[1:]) if isinstance(output, tuple) else y

    return forward


def make_sae(cls, seed, activations, *extra):
    torch.manual_seed(seed)
    sae = cls(WIDTH, LATENTS, K, *extra)
    with torch.no_grad():
        for parameter in sae.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
        sae.b_dec.copy_(activations.mean((0, 1)))
        z = sae.encode(activations, use_threshold=False)
        sae.threshold.fill_(z[z > 0].median().item())
    return sae.eval()


def run(model_name, layer, seed, cls, config, *extra):
    folder = os.path.join(HERE, "models", model_name)
    model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    expected = load_file(os.path.join(folder, "expected.safetensors"))
    image = expected["pixels"][:1]
    count = expected["features"].shape[1]
    ids = torch.cat([make_llava.tokens(seed, 1, 3), torch.full((1, count), make_llava.IMAGE), make_llava.tokens(seed + 1, 1, 5)], 1)
    out = {"ids": ids, "pixels": image}
    tower = [m for n, m in model.named_modules() if n.endswith(f"encoder.layers.{layer}") and "vision" in n]
    assert len(tower) == 1
    seen = []
    watch = tower[0].register_forward_hook(lambda m, i, o: seen.append(o[0] if isinstance(o, tuple) else o))

    def record(case):
        with torch.no_grad():
            out[case + ".logits"] = model(input_ids=ids, pixel_values=image).logits[0, -1]
        out[case + ".greedy"] = make_llava.greedy(model, ids, pixel_values=image)[0]

    record("original")
    watch.remove()
    sae = make_sae(cls, seed, seen[0], *extra)
    for case, (fix, pre_zero) in CASES.items():
        wrapper = Wrapper(sae, fix, pre_zero)

        tower[0].forward = steered_forward(tower[0], wrapper)
        record(case)
        del tower[0].forward
        change = (out[case + ".logits"] - out["original.logits"]).abs().max().item()
        assert change > 0.02, f"{case} changes next to nothing: {change}"  # twenty times what the test allows
    target = os.path.join(OUT, model_name + "_sae")
    os.makedirs(target, exist_ok=True)
    torch.save(sae.state_dict(), os.path.join(target, "ae.pt"))
    with open(os.path.join(target, "config.json"), "w") as file:
        json.dump({"trainer": config}, file, indent=1)
    save_file({k: v.contiguous() for k, v in out.items()}, os.path.join(OUT, model_name + ".safetensors"))


def first_clear(model_name, layer, seed, *rest):
    """The first seed by which every greedy choice is a clear one."""
    for _ in range(1000):
        try:
            return run(model_name, layer, seed, *rest)
        except AssertionError as error:
            print(model_name, seed, error)
            seed += 100


def sampling():
    generator = torch.Generator().manual_seed(1)
    logits = 3 * torch.randn(50, generator=generator)
    history = torch.tensor([3, 7, int(logits.argmax()), 9, 3, 7])
    out = {"logits": logits, "history": history}
    for temperature in (0.5, 1.0, 1.7):
        for top_p in (0.3, 0.9, 1.0):
            for ngram in (0, 1, 2, 3):
                scores = logits[None]
                if ngram:
                    scores = NoRepeatNGramLogitsProcessor(ngram)(history[None], scores)
                scores = TemperatureLogitsWarper(temperature)(history[None], scores) if temperature != 1 else scores
                scores = TopPLogitsWarper(top_p)(history[None], scores) if top_p < 1 else scores
                out[f"probabilities.{temperature}.{top_p}.{ngram}"] = scores.softmax(-1)[0]
    save_file(out, os.path.join(OUT, "sampling.safetensors"))


# A processor for the model "llava": words and letters, the image token behind them, LLaVA-1.5's template.
def make_processor(folder):
    words = "what is shown in this image use exactly one word a an the red blue green flower star of and on".split()
    letters = dict.fromkeys("▁abcdefghijklmnopqrstuvwxyzUSERAITN:.?!,\n0123456789")
    pieces = [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0)] + [("▁" + w, -3.0 - i / 50) for i, w in enumerate(words)]
    pieces += [(c, -9.0 - i / 50) for i, c in enumerate(letters)]
    pieces += [(f"▁x{i}", -20.0) for i in range(make_llava.IMAGE - len(pieces))]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, 0, False))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    tokenizer.decoder = tokenizers.decoders.Metaspace()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>", tokenizers.AddedToken("<image>", normalized=False, special=True)])
    assert tokenizer.token_to_id("<image>") == make_llava.IMAGE
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    with open(os.path.join(HERE, "text", "chat.json")) as file:
        fast.chat_template = next(t for t in strings(json.load(file)) if "message['role'].upper()" in t and "\\n" in t)
    fast.save_pretrained(folder)
    images = CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    images.save_pretrained(folder)
    return fast, images


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


# What sememe-cli says, word for word: from an image file and a question to the answer.
def spoken():
    folder = os.path.join(OUT, "processor")
    os.makedirs(folder, exist_ok=True)
    tokenizer, images = make_processor(folder)
    generator = torch.Generator().manual_seed(3)
    pixels = torch.randint(0, 256, (40, 33, 3), generator=generator, dtype=torch.uint8)
    Image.fromarray(pixels.numpy()).save(os.path.join(OUT, "image.png"))
    image = images(Image.open(os.path.join(OUT, "image.png")), return_tensors="pt")["pixel_values"]
    question = "what is shown in this image? Use one word."
    conversation = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}]
    prompt = tokenizer.apply_chat_template(conversation, add_generation_prompt=True, tokenize=False)
    ids = tokenizer(prompt.replace("<image>", "<image>" * 4), return_tensors="pt")["input_ids"]
    assert (ids == make_llava.IMAGE).sum() == 4
    model = LlavaForConditionalGeneration.from_pretrained(os.path.join(HERE, "models", "llava"), dtype=torch.float32,
                                                          attn_implementation="eager").eval()
    sae = BatchTopKSAE.from_pretrained(os.path.join(OUT, "llava_sae", "ae.pt"))
    layer = next(m for n, m in model.named_modules() if n.endswith("encoder.layers.2") and "vision" in n)
    found = {"question": question, "prompt": prompt, "ids": ids[0].tolist()}
    for case, fix in (("original", None), ("reconstruction", {}), ("steered", {5: 30.0})):
        if fix is not None:
            layer.forward = steered_forward(layer, Wrapper(sae, fix, False))
        with torch.no_grad():
            chances = model(input_ids=ids, pixel_values=image).logits[0, -1].softmax(-1)
        tokens = make_llava.greedy(model, ids, pixel_values=image)[0]
        found[case] = {"answer": tokenizer.decode(tokens, skip_special_tokens=True).strip(), "tokens": tokens.tolist(),
                       "first": chances.topk(12).values.tolist()}
        vars(layer).pop("forward", None)
    with open(os.path.join(OUT, "spoken.json"), "w") as file:
        json.dump(found, file, indent=1)


os.makedirs(OUT, exist_ok=True)
first_clear("llava", 2, 31, BatchTopKSAE, {"dict_class": "BatchTopKSAE", "k": K})
first_clear("llava_siglip", 1, 32, MatryoshkaBatchTopKSAE, {"dict_class": "MatryoshkaBatchTopKSAE", "k": K}, [16, 48])
sampling()
spoken()
