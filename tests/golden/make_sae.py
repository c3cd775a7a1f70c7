"""Makes tests/golden/sae/*.pt: what dictionary_learning's own trainers do on seeded batches.

    git clone https://github.com/saprmarks/dictionary_learning && pip install torch einops tqdm
    python tests/golden/make_sae.py --library dictionary_learning

Written for commit 60ec6bf5. batches.pt holds the batches [steps, rows, d] as they come, for all types. Each {type}.pt is a
dict: `norm_factor`, `losses` [steps] of the normalised batches, `dead` [steps], `x`, and its latents `z` and
reconstruction `x_hat` at the end. {type}_initial/ is the library's folder before the first step, {type}_final/ after the
last, scaled back.
"""
import argparse
import json
import os

import dictionary_learning_alone
import torch

parser = argparse.ArgumentParser()
parser.add_argument("--library", required=True, help="the checkout: the folder that holds the package")
args = parser.parse_args()

dictionary_learning_alone.use(args.library)
from dictionary_learning.trainers.batch_top_k import BatchTopKTrainer  # noqa: E402
from dictionary_learning.trainers.matryoshka_batch_top_k import MatryoshkaBatchTopKTrainer  # noqa: E402
from dictionary_learning.trainers.gdm import GatedSAETrainer  # noqa: E402
from dictionary_learning.trainers.jumprelu import JumpReluTrainer  # noqa: E402
from dictionary_learning.trainers.standard import StandardTrainer  # noqa: E402
from dictionary_learning.trainers.top_k import TopKTrainer  # noqa: E402
from dictionary_learning.training import get_norm_factor  # noqa: E402

STEPS, ROWS, D, F, K = 50, 48, 12, 64, 2
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


def save(name, trainer):
    folder = os.path.join(here, name)
    os.makedirs(folder, exist_ok=True)
    torch.save(trainer.ae.state_dict(), os.path.join(folder, "ae.pt"))
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump({"trainer": trainer.config}, file, indent=1)


def make(name, trainer_class, **extra):
    data = batches()
    torch.manual_seed(3)
    trainer = trainer_class(steps=STEPS, activation_dim=D, dict_size=F, layer=0, lm_name="", lr=3e-3, warmup_steps=4,
                            decay_start=35, seed=3, device="cpu", **extra)
    trainer.dead_feature_threshold = 48
    if trainer_class is StandardTrainer:
        trainer.ae.normalize_decoder()  # it starts at a tenth, which from_pretrained would scale away
    save(f"{name}_initial", trainer)
    norm_factor = get_norm_factor(list(data), steps=100)
    losses, dead = [], []
    for step, batch in enumerate(data):
        x = batch / norm_factor
        if trainer_class in (StandardTrainer, GatedSAETrainer):  # their update() keeps the loss to itself
            losses.append(trainer.loss(x, step=step).item())
            trainer.update(step, x)
        else:
            losses.append(trainer.update(step, x))
        dead.append(getattr(trainer, "dead_features", -1))
    print(name, "loss", losses[0], losses[-1], "dead", dead, "threshold", getattr(trainer.ae, "threshold", None))
    trainer.ae.scale_biases(norm_factor)
    save(f"{name}_final", trainer)
    x = data[0]
    with torch.no_grad():
        z = trainer.ae.encode(x)
        x_hat = trainer.ae.decode(z)
    torch.save({"norm_factor": torch.tensor(norm_factor, dtype=torch.float64),
                "losses": torch.tensor(losses, dtype=torch.float64), "dead": torch.tensor(dead),
                "x": x.clone(), "z": z, "x_hat": x_hat}, os.path.join(here, f"{name}.pt"))


os.makedirs(here, exist_ok=True)
torch.save(batches(), os.path.join(here, "batches.pt"))
topk = {"k": K, "auxk_alpha": 1 / 32, "threshold_beta": 0.9, "threshold_start_step": 6}
make("topk", TopKTrainer, **topk)
make("batch_topk", BatchTopKTrainer, **topk)
make("matryoshka_batch_topk", MatryoshkaBatchTopKTrainer, group_fractions=[0.1, 0.2, 0.7], **topk)
make("matryoshka_weighted", MatryoshkaBatchTopKTrainer, group_fractions=[0.25, 0.75], group_weights=[0.7, 0.9], **topk)
make("standard", StandardTrainer, l1_penalty=0.1, sparsity_warmup_steps=8)
make("gated", GatedSAETrainer, l1_penalty=0.1, sparsity_warmup_steps=8)
# So wide a rectangle that thresholds move in fifty steps.
make("jumprelu", JumpReluTrainer, bandwidth=0.5, target_l0=4.0, sparsity_warmup_steps=8)
