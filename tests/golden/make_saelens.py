"""Makes tests/golden/saelens/: folders that SAELens' save_model writes, and what it computes from them.

    pip download --no-deps sae-lens==6.54.12 && unzip it; pip install torch einops safetensors requests pyyaml huggingface_hub
    python tests/golden/make_saelens.py --library FOLDER_OF_THE_UNZIPPED_WHEEL

Each {name}/ holds cfg.json, sae_weights.safetensors and expected.safetensors with x, its latents z and the reconstruction
x_hat. Of transformer_lens only hooks are used, which do nothing here: three empty classes stand in for it.

    python tests/golden/make_saelens.py --library FOLDER --check EXPORTED ACTIVATIONS LATENTS

loads a folder that `sememe-cli export` wrote, and compares its latents of ACTIVATIONS (.pt) with those in LATENTS (.pt).
"""
import argparse
import json
import logging
import os
import sys
import types

import torch
from safetensors.torch import save_file

parser = argparse.ArgumentParser()
parser.add_argument("--library", required=True)
parser.add_argument("--check", nargs=3)
args = parser.parse_args()


def module(name, **members):
    made = types.ModuleType(name)
    made.__dict__.update(members)
    sys.modules[name] = made
    return made


class HookPoint(torch.nn.Identity):
    pass


class HookedRootModule(torch.nn.Module):
    def setup(self):
        pass


module("transformer_lens")
module("transformer_lens.hook_points", HookPoint=HookPoint, HookedRootModule=HookedRootModule)
module("transformer_lens.HookedTransformer", HookedRootModule=HookedRootModule)
# The package's own __init__ pulls in its training tools.
module("sae_lens", __version__="6.54.12", logger=logging.getLogger("sae_lens"),
       __path__=[os.path.join(args.library, "sae_lens")])
module("sae_lens.saes", __path__=[os.path.join(args.library, "sae_lens", "saes")])
from sae_lens.registry import register_sae_class  # noqa: E402
from sae_lens.saes.gated_sae import GatedSAE, GatedSAEConfig  # noqa: E402
from sae_lens.saes.jumprelu_sae import JumpReLUSAE, JumpReLUSAEConfig  # noqa: E402
from sae_lens.saes.standard_sae import StandardSAE, StandardSAEConfig  # noqa: E402
from sae_lens.saes.topk_sae import TopKSAE, TopKSAEConfig  # noqa: E402

if args.check:
    classes = {"standard": (StandardSAE, StandardSAEConfig), "gated": (GatedSAE, GatedSAEConfig),
               "topk": (TopKSAE, TopKSAEConfig), "jumprelu": (JumpReLUSAE, JumpReLUSAEConfig)}
    for name, pair in classes.items():
        register_sae_class(name, *pair)
    with open(os.path.join(args.check[0], "cfg.json")) as file:
        sae = classes[json.load(file)["architecture"]][0].load_from_disk(args.check[0])
    with torch.no_grad():
        z = sae.encode(torch.load(args.check[1]))
    print(type(sae).__name__, "largest difference", float((z - torch.load(args.check[2])).abs().max()))
    sys.exit()

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "saelens")
D, F = 10, 24
for seed, (name, sae_class, config_class, extra) in enumerate([
        ("standard", StandardSAE, StandardSAEConfig, {}),
        ("standard_plain", StandardSAE, StandardSAEConfig, {"apply_b_dec_to_input": False}),
        ("gated", GatedSAE, GatedSAEConfig, {}),
        ("gated_plain", GatedSAE, GatedSAEConfig, {"apply_b_dec_to_input": False}),
        ("jumprelu", JumpReLUSAE, JumpReLUSAEConfig, {"apply_b_dec_to_input": False}),
        ("jumprelu_centred", JumpReLUSAE, JumpReLUSAEConfig, {"apply_b_dec_to_input": True}),
        ("topk", TopKSAE, TopKSAEConfig, {"k": 3}),
        ("topk_rescaled", TopKSAE, TopKSAEConfig, {"k": 4, "rescale_acts_by_decoder_norm": True,
                                                   "apply_b_dec_to_input": False}),
]):
    torch.manual_seed(seed)
    sae = sae_class(config_class(d_in=D, d_sae=F, **extra))
    with torch.no_grad():
        for key, parameter in sae.named_parameters():
            scale = 0.4 if key == "threshold" else 0.3 if parameter.dim() == 1 else 1.0
            parameter.copy_(torch.randn_like(parameter) * scale)
        if hasattr(sae, "threshold"):
            sae.threshold.abs_()
        x = torch.randn(20, D)
        z = sae.encode(x)
        x_hat = sae.decode(z)
    sae.save_model(os.path.join(here, name))
    save_file({"x": x, "z": z.contiguous(), "x_hat": x_hat}, os.path.join(here, name, "expected.safetensors"))
    print(name, float((z > 0).float().sum(1).mean()))
