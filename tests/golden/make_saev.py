"""Makes tests/golden/saev/: files that saev writes at several commits of its history, and what it computes from them.

    git clone https://github.com/OSU-NLP-Group/saev; pip install torch safetensors einops beartype jaxtyping orjson tyro scipy
    python tests/golden/make_saev.py --repository FOLDER_OF_THE_CLONE

Each {name}/ holds sae.pt and expected.safetensors with x, its latents z and the reconstruction x_hat. The package's own
__init__ files are passed over: they pull in models and data sets that the networks have no use for.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import types

parser = argparse.ArgumentParser()
parser.add_argument("--repository", required=True)
parser.add_argument("--source", help="of one commit, which this script unpacked for itself")
parser.add_argument("--cases", nargs="*")
args = parser.parse_args()

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "saev")
COMMITS = {
    "97b00d9": ["noschema_relu"],  # b_dec is subtracted before encoding …
    "33f4c14": ["schema1_relu", "schema1_topk"],
    "8d38c23": ["schema2_relu"],  # … and from here on it is not
    "70cd3b4": ["schema2_topk", "schema2_batchtopk"],  # this BatchTopK takes the largest of each row
    "c3dd0ae": ["schema3_topk"],
    "ce1add2": ["schema4_relu", "schema4_batchtopk"],
    "3d73f1f": ["schema5_relu", "schema5_topk", "schema5_batchtopk"],
}
D, FACTOR, K = 16, 3, 4

if not args.source:
    for commit, cases in COMMITS.items():
        with tempfile.TemporaryDirectory() as folder:
            archive = subprocess.run(["git", "-C", args.repository, "archive", commit, "*.py"], check=True, stdout=subprocess.PIPE)
            subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
            source = os.path.join(folder, "src") if os.path.isdir(os.path.join(folder, "src")) else folder
            subprocess.run([sys.executable, os.path.abspath(__file__), "--repository", args.repository,
                            "--source", os.path.join(source, "saev"), "--cases", *cases], check=True)
    sys.exit()

import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402


def package(name, path):
    made = types.ModuleType(name)
    made.__path__ = [path]
    made.__version__ = "0.1.0"
    sys.modules[name] = made


package("saev", args.source)
if os.path.isdir(os.path.join(args.source, "nn")):
    package("saev.nn", os.path.join(args.source, "nn"))
    import saev.nn.modeling as nn  # noqa: E402
else:
    import saev.nn as nn  # noqa: E402


def make(kind, name):
    if hasattr(nn, "SparseAutoencoderConfig") and hasattr(nn, "TopKActivation"):
        fields = nn.SparseAutoencoderConfig.__dataclass_fields__
        sizes = {"d_model" if "d_model" in fields else "d_vit": D}
        sizes.update({"d_sae": D * FACTOR} if "d_sae" in fields else {"exp_factor": FACTOR})
        activation = {"relu": "Relu", "topk": "TopK", "batchtopk": "BatchTopK"}[kind]
        made = getattr(nn, activation)(**({} if kind == "relu" else {"top_k": K}))
        return nn.SparseAutoencoder(nn.SparseAutoencoderConfig(**sizes, activation=made))
    from saev import config
    if name == "noschema_relu":
        return nn.SparseAutoencoder(config.SparseAutoencoder(d_vit=D, exp_factor=FACTOR))
    if kind == "topk":
        return nn.SparseAutoencoder(config.TopK(d_vit=D, exp_factor=FACTOR, top_k=K))
    return nn.SparseAutoencoder(config.Relu(d_vit=D, exp_factor=FACTOR))


for name in args.cases:
    torch.manual_seed(sum(map(ord, name)))
    sae = make(name.split("_")[1], name)
    with torch.no_grad():
        for parameter in sae.parameters():
            parameter.copy_(torch.randn(parameter.shape) * (0.6 if parameter.dim() == 1 else 0.5))
        if hasattr(sae.activation if hasattr(sae, "activation") else None, "threshold"):
            sae.activation.threshold.fill_(1.25)
        sae.eval()
        x = torch.randn(20, D) + 0.5
        out = sae(x)
        x_hat, z = (out.x_hats, out.f_x) if hasattr(out, "f_x") else (out[0], out[1])
        x_hat = x_hat.reshape(20, D)
    assert (z >= 0).all() and 0 < (z > 0).float().mean() < 1
    folder = os.path.join(here, name)
    nn.dump(os.path.join(folder, "sae.pt"), sae)
    save_file({"x": x, "z": z.contiguous(), "x_hat": x_hat.contiguous()}, os.path.join(folder, "expected.safetensors"))
    with open(os.path.join(folder, "sae.pt"), "rb") as file:
        print(name, "l0", float((z > 0).float().sum(1).mean()), file.readline().decode()[:300].strip())
