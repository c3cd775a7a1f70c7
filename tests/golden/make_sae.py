"""Makes tests/golden/sae/*.pt: what dictionary_learning's own trainers do on seeded batches.

    git clone https://github.com/saprmarks/dictionary_learning && pip install torch einops tqdm
    python tests/golden/make_sae.py --library dictionary_learning

Written for commit 60ec6bf5. Each {type}.pt is a dict: `batches` [steps, rows, d] as they come, `norm_factor`, `losses`
[steps] of the normalised batches, `threshold`, `x` and its latents `z` and reconstruction `x_hat` at the end;
{type}_initial.pt is the state dict before the first step, {type}_final/ae.pt the one after the last, scaled back.
"""
import argparse
import os
import sys
import types

import torch

parser = argparse.ArgumentParser()
parser.add_argument("--library", required=True, help="the checkout: the folder that holds the package")
args = parser.parse_args()

# The package's __init__ pulls in language-model tooling that the trainers do not need.
package = types.ModuleType("dictionary_learning")
package.__path__ = [os.path.join(args.library, "dictionary_learning")]
trainers = types.ModuleType("dictionary_learning.trainers")
trainers.__path__ = [os.path.join(args.library, "dictionary_learning", "trainers")]
evaluation = types.ModuleType("dictionary_learning.evaluation")
evaluation.evaluate = None
sys.modules.update({"dictionary_learning": package, "dictionary_learning.trainers": trainers,
                    "dictionary_learning.evaluation": evaluation, "wandb": types.ModuleType("wandb")})
from dictionary_learning.trainers.batch_top_k import BatchTopKTrainer  # noqa: E402
from dictionary_learning.trainers.matryoshka_batch_top_k import MatryoshkaBatchTopKTrainer  # noqa: E402
from dictionary_learning.training import get_norm_factor  # noqa: E402

STEPS, ROWS, D, F, K = 30, 48, 12, 64, 2
here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sae")
torch.set_num_threads(1)

# Adam turns a gradient that is nothing but rounding into a full step, so many set-ups are decided by the last digit. With
# these numbers the library in float32 and in float64 agree to 1e-6, which makes them fit to be compared with.


def batches():
    generator = torch.Generator().manual_seed(2)
    directions = torch.nn.functional.normalize(torch.randn(60, D, generator=generator), dim=1)
    offset = torch.randn(D, generator=generator)
    strength = torch.rand(STEPS, ROWS, 60, generator=generator) * (torch.rand(STEPS, ROWS, 60, generator=generator) < 0.06)
    return 4 * strength @ directions + offset + 0.02 * torch.randn(STEPS, ROWS, D, generator=generator)


def make(name, trainer_class, **extra):
    data = batches()
    trainer = trainer_class(steps=STEPS, activation_dim=D, dict_size=F, k=K, layer=0, lm_name="", lr=3e-3,
                            auxk_alpha=1 / 32, warmup_steps=4, decay_start=20, threshold_beta=0.9,
                            threshold_start_step=6, seed=3, device="cpu", **extra)
    trainer.dead_feature_threshold = 48
    torch.save(trainer.ae.state_dict(), os.path.join(here, f"{name}_initial.pt"))
    norm_factor = get_norm_factor(list(data), steps=100)
    losses, dead = [], []
    for step, batch in enumerate(data):
        losses.append(trainer.update(step, batch / norm_factor))
        dead.append(trainer.dead_features)
    print(name, "loss", losses[0], losses[-1], "dead", dead, "threshold", float(trainer.ae.threshold))
    trainer.ae.scale_biases(norm_factor)
    x = data[0]
    with torch.no_grad():
        z = trainer.ae.encode(x)
        x_hat = trainer.ae.decode(z)
    os.makedirs(os.path.join(here, f"{name}_final"), exist_ok=True)
    torch.save(trainer.ae.state_dict(), os.path.join(here, f"{name}_final", "ae.pt"))
    torch.save({"batches": data, "norm_factor": torch.tensor(norm_factor, dtype=torch.float64),
                "losses": torch.tensor(losses, dtype=torch.float64), "dead": torch.tensor(dead),
                "x": x.clone(), "z": z, "x_hat": x_hat}, os.path.join(here, f"{name}.pt"))


os.makedirs(here, exist_ok=True)
make("batch_topk", BatchTopKTrainer)
make("matryoshka_batch_topk", MatryoshkaBatchTopKTrainer, group_fractions=[0.1, 0.2, 0.7])
make("matryoshka_weighted", MatryoshkaBatchTopKTrainer, group_fractions=[0.25, 0.75], group_weights=[0.7, 0.9])
