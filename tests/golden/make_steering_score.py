"""Makes tests/golden/steering_score: what the paper's steering_score.py says of a seeded tiny LLaVA.

    git clone https://github.com/saprmarks/dictionary_learning && git clone https://github.com/ExplainableML/sae-for-vlm
    pip install torch transformers einops tqdm pillow
    python tests/golden/make_steering_score.py --library dictionary_learning --paper sae-for-vlm

Written with transformers 5.23.0, dictionary_learning at 60ec6bf5 and the paper's scripts at 69e211d. The script itself runs, with
models of tests/golden in place of those of the hub: LLaVA is models/llava with processor/ and steering/llava_sae; its
casts to float16 are left out, files are listed by name, and the layer is replaced as in make_steering.py (transformers' layers
take other arguments now). clip/ is a seeded CLIP with a tokenizer that embeds the words. images/ are asked about; embeddings.pt
[40, 10] and the hai_indices are drawn. steer/, no_steer/, pre_zero/ and identity/ are what the script wrote for 6 neurons.
"""
import argparse
import os
import runpy
import shutil
import sys
import types
from pathlib import Path

import dictionary_learning_alone
import numpy as np
import tokenizers
import torch
from PIL import Image

parser = argparse.ArgumentParser()
parser.add_argument("--library", required=True)
parser.add_argument("--paper", required=True)
args = parser.parse_args()
dictionary_learning_alone.use(args.library)
from dictionary_learning.trainers.batch_top_k import BatchTopKSAE  # noqa: E402
from transformers import (  # noqa: E402
    AutoTokenizer,
    CLIPConfig,
    CLIPModel,
    CLIPTextModelWithProjection,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil  # noqa: E402

HERE = Path(__file__).resolve().parent
OUT = HERE / "steering_score"
LAYER, NEURONS, DATASET = 2, 6, 40
DIFFERENT = {"no_steer": 3, "steer": 6, "pre_zero": 3, "identity": 3}  # labels at least


def make_images(folder, seed):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for name, size in (("b.png", (40, 33)), ("a.png", (28, 28)), ("C.png", (61, 30)), ("d 1.png", (35, 50))):
        coarse = Image.fromarray(rng.integers(0, 256, (2, 2, 3), dtype=np.uint8))
        coarse.resize(size, Image.Resampling.NEAREST).save(folder / name, optimize=True)
    (folder / "read me.txt").write_text("no image\n")


def make_clip(folder):
    torch.manual_seed(7)
    model = CLIPModel(CLIPConfig(
        vision_config=dict(hidden_size=36, intermediate_size=50, num_hidden_layers=3, num_attention_heads=4, image_size=28, patch_size=14,
                           projection_dim=10),
        text_config=dict(hidden_size=20, intermediate_size=34, num_hidden_layers=2, num_attention_heads=4, vocab_size=60,
                         max_position_embeddings=40, projection_dim=10, bos_token_id=0, eos_token_id=57, pad_token_id=57),
        projection_dim=10)).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(3.0) if p.dim() > 1 else p.add_(0.1 * torch.randn_like(p))
    model.half().save_pretrained(folder)
    characters = list("▁abcdefghijklmnopqrstuvwxyzUSERAITN:.?!,0123456789")
    pieces = [("<s>", 0.0), ("<unk>", 0.0)] + [(c, -5.0 - i / 50) for i, c in enumerate(characters)]
    pieces += [(f"<{i}>", -20.0) for i in range(len(pieces), 57)] + [("</s>", 0.0)]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, 1, False))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    tokenizer.decoder = tokenizers.decoders.Metaspace()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 57)])
    tokenizer.add_special_tokens(["<s>", "<unk>", "</s>"])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="</s>",
                            model_input_names=["input_ids", "attention_mask"]).save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}).save_pretrained(folder)


def clear_choices(model):
    """generate, made to refuse where rounding could change a token."""
    generate = model.generate

    def checked(**inputs):
        result = generate(**inputs, do_sample=False, return_dict_in_generate=True, output_scores=True)
        for scores in result.scores:
            best = scores.topk(2).values
            assert (best[:, 0] - best[:, 1]).min() > 1e-3, "another seed is needed"
        return result.sequences

    model.generate = checked


def processor():
    """LLaVA-1.5's template and few words; many answers begin with a blank and go on without one, so that labels are long and differ."""
    pieces = [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0)] + [("▁" + w, -3.0) for w in "what is shown in this image".split()]
    pieces += [(c, -9.0 - i / 50) for i, c in enumerate("▁USERAITN:")]
    pieces += [(f"▁x{i}" if i % 7 == 3 or i == 65 else f"y{i}", -20.0) for i in range(len(pieces), 90)]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, 0, False))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    tokenizer.decoder = tokenizers.decoders.Metaspace()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>", tokenizers.AddedToken("<image>", normalized=False, special=True)])
    assert tokenizer.token_to_id("<image>") == 90
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="</s>",
                                   model_input_names=["input_ids", "attention_mask"])
    fast.chat_template = (HERE / "steering" / "processor" / "chat_template.jinja").read_text()
    images = CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    fast.save_pretrained(OUT / "processor")
    images.save_pretrained(OUT / "processor")
    whole = LlavaProcessor(images, fast, patch_size=14, vision_feature_select_strategy="default", chat_template=fast.chat_template,
                           image_token="<image>", num_additional_image_tokens=1)

    class Exact(type(whole)):
        def __call__(self, *given, **options):
            inputs = super().__call__(*given, **options)
            inputs.to = lambda *_: inputs  # on the CPU, in float32
            return inputs

    whole.__class__ = Exact
    return whole


def stand_ins():
    """The modules that the script imports, with what comes from the hub or needs a GPU replaced."""
    for name in ("torchvision", "torchvision.datasets"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["torchvision.datasets"].ImageNet = sys.modules["torchvision.datasets"].ImageFolder = None
    sys.path.insert(0, args.paper)
    for name in ("models", "datasets", "utils"):
        sys.modules.pop(name, None)
    for name in ("clip", "dino", "siglip"):
        sys.modules["models." + name] = types.ModuleType("models." + name)
        setattr(sys.modules["models." + name], name.capitalize(), None)
    import models.llava as paper
    import utils

    class Wrapper(paper.SAEWrapper):
        def decode(self, z):
            return self.sae.decode(z)

    class Llava(paper.Llava):
        def __init__(self, device):
            self.model = LlavaForConditionalGeneration.from_pretrained(HERE / "models" / "llava", dtype=torch.float32,
                                                                       attn_implementation="eager").eval()
            clear_choices(self.model)
            self.processor = processor()
            layers = [m for n, m in self.model.named_modules() if n.endswith(f"encoder.layers.{LAYER}") and "vision" in n]
            assert len(layers) == 1
            self.steered = layers[0]

        def attach_and_fix(self, sae, neurons_to_fix={}, pre_zero=False):
            wrapper, layer = Wrapper(sae, neurons_to_fix, pre_zero), self.steered

            def forward(*inputs, **options):
                output = type(layer).forward(layer, *inputs, **options)
                x = output[0] if isinstance(output, tuple) else output
                y = wrapper.decode(wrapper.encode(x))
                return (y, *output[1:]) if isinstance(output, tuple) else y

            layer.forward = forward

    paper.Llava = Llava
    utils.get_text_model = lambda _: (
        CLIPTextModelWithProjection.from_pretrained(OUT / "clip", dtype=torch.float32).eval(),
        AutoTokenizer.from_pretrained(OUT / "clip"),
    )
    sys.modules["dictionary_learning.trainers"].MatroyshkaBatchTopKSAE = BatchTopKSAE
    listed = os.listdir
    os.listdir = lambda path=".": sorted(listed(path))


def run(case, *options, indices="hai_indices_16.npy", sae=True):
    sys.argv = ["steering_score.py", "--hai_indices_path", str(OUT / indices), "--embeddings_path", str(OUT / "embeddings.pt"),
                "--images_path", str(OUT / "images"), "--model_name", "clip", "--device", "cpu", "--neuron_prefix", str(NEURONS),
                "--output_path", str(OUT / case) + "/", *options]
    if sae:
        sys.argv += ["--sae_path", str(HERE / "steering" / "llava_sae" / "ae.pt")]
    with torch.no_grad():
        runpy.run_path(os.path.join(args.paper, "steering_score.py"), run_name="__main__")
    labels = (OUT / case / "labels.txt").read_text()
    different = len({line.split(",")[2] for line in labels.splitlines()})
    print(case, different, "different labels")
    assert different >= DIFFERENT[case], "too much of a kind"
    return labels


def make(seed):
    shutil.rmtree(OUT, ignore_errors=True)
    make_images(OUT / "images", seed)
    make_clip(OUT / "clip")
    rng = np.random.default_rng(9)
    torch.save(torch.from_numpy(rng.normal(size=(DATASET, 10)).astype(np.float32) + 0.2), OUT / "embeddings.pt")
    np.save(OUT / "hai_indices_16.npy", np.stack([rng.permutation(DATASET)[:16] for _ in range(64)]))
    np.save(OUT / "hai_indices_raw.npy", np.stack([rng.permutation(DATASET)[:16] for _ in range(36)]))
    run("no_steer", "--no-steer", "--no-pre_zero")
    steered = run("steer", "--steer", "--no-pre_zero")
    assert run("pre_zero", "--steer", "--pre_zero") != steered, "silencing the others changes nothing"
    run("identity", "--steer", "--no-pre_zero", indices="hai_indices_raw.npy", sae=False)


stand_ins()
for seed in range(200):
    try:
        make(seed)
        break
    except AssertionError as error:
        print("seed", seed, error)
