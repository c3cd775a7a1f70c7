"""Makes tests/golden/saev: SAEs saved by saev's own code, with what it encodes and decodes.

    git clone https://github.com/OSU-NLP-Group/saev && pip install torch einops beartype jaxtyping orjson tyro
    git -C saev checkout REVISION; python tests/golden/make_saev.py --library saev --name NAME

Run for the revisions and names of REVISIONS. {name}_{activation}.pt is the checkpoint, {name}_{activation}_io.pt a dict
of x, its latents z at inference and their reconstruction x_hat. "legacy" is the file of the first revision with the
header that saev wrote before it had a schema.
"""
import argparse
import importlib.util
import json
import os
import shutil
import sys
import types

import torch

# The first one's encoder subtracts b_dec, the others' do not.
REVISIONS = {"schema1": "1c842cc", "schema2": "654befb", "schema5": "3d73f1f"}
D, F = 12, 48

parser = argparse.ArgumentParser()
parser.add_argument("--library", required=True)
parser.add_argument("--name", required=True, choices=REVISIONS)
args = parser.parse_args()
here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "saev")
os.makedirs(here, exist_ok=True)

# modeling.py alone: the package around it wants what trains and stores.
package, helpers = types.ModuleType("saev"), types.ModuleType("saev.helpers")
package.__path__, package.__version__, package.helpers = [], "0.1.0", helpers
helpers.current_git_commit = lambda: REVISIONS[args.name]


def jdump(value, file, option=None):
    import orjson
    file.write(orjson.dumps(value, option=option))


helpers.jdump = jdump
nn = types.ModuleType("saev.nn")
nn.__path__ = []
sys.modules.update({"saev": package, "saev.helpers": helpers, "saev.nn": nn})
spec = importlib.util.spec_from_file_location("saev.nn.modeling", os.path.join(args.library, "src/saev/nn/modeling.py"))
modeling = importlib.util.module_from_spec(spec)
sys.modules["saev.nn.modeling"] = modeling
spec.loader.exec_module(modeling)
if hasattr(modeling, "current_git_commit"):
    modeling.current_git_commit = helpers.current_git_commit


def fill(sae):
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, weight in sae.state_dict().items():
            if name == "activation.threshold":
                weight.fill_(0.8)
            else:
                weight.copy_(torch.randn(weight.shape, generator=generator) * (0.4 if name.startswith("W") else 0.6))
    return sae.eval()


def save(name, sae):
    modeling.dump(os.path.join(here, f"{name}.pt"), sae)
    x = torch.randn(30, D, generator=torch.Generator().manual_seed(6)) * 2 + 1
    with torch.no_grad():
        out = sae(x)
        if args.name == "schema1":
            x_hat, z = out[:2]
        else:
            z = out.f_x if hasattr(out, "f_x") else sae.encode(x)
            x_hat = sae.decode(z)[:, -1]  # of Matryoshka prefixes, of which there is one
    print(name, "l0", (z != 0).float().sum(1).mean().item(), "negative", (z < 0).any().item())
    torch.save({"x": x, "z": z.clone(), "x_hat": x_hat.clone()}, os.path.join(here, f"{name}_io.pt"))


if args.name == "schema1":
    save("schema1_relu", fill(modeling.SparseAutoencoder(modeling.Relu(d_vit=D, exp_factor=F // D))))
    shutil.copy(os.path.join(here, "schema1_relu_io.pt"), os.path.join(here, "legacy_relu_io.pt"))
    with open(os.path.join(here, "schema1_relu.pt"), "rb") as file:
        file.readline()
        rest = file.read()
    header = {"d_vit": D, "exp_factor": F // D, "sparsity_coeff": 4e-4, "n_reinit_samples": 10, "ghost_grads": False,
              "remove_parallel_grads": True, "normalize_w_dec": True, "seed": 0}
    with open(os.path.join(here, "legacy_relu.pt"), "wb") as file:
        file.write((json.dumps(header) + "\n").encode() + rest)
else:
    size = {"d_vit": D, "exp_factor": F // D} if args.name == "schema2" else {"d_model": D, "d_sae": F}
    kinds = {"relu": modeling.Relu(), "topk": modeling.TopK(top_k=4)}
    if args.name == "schema5":
        kinds["batchtopk"] = modeling.BatchTopK(top_k=4)
    for kind, activation in kinds.items():
        cfg = modeling.SparseAutoencoderConfig(activation=activation, **size)
        save(f"{args.name}_{kind}", fill(modeling.SparseAutoencoder(cfg)))
