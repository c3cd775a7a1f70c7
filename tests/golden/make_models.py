"""Writes tests/golden/models: tiny seeded Hugging Face folders and what transformers computes with them.

    python tests/golden/make_models.py            (needs torch and transformers; written with 2.13.0 and 5.23.0)

Each folder holds a model as transformers saves it and expected.safetensors: the input ("pixels", "ids"), every hidden
state ("hidden.N", "text.hidden.N"), "pooled" and "embeds" (and "text.pooled", "text.embeds", "logits"), computed in
float32. Weights that transformers starts at zero or one are made random first, so that a forgotten bias shows.
"""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import (
    CLIPConfig,
    CLIPModel,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModel,
    CLIPVisionModelWithProjection,
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    SiglipConfig,
    SiglipModel,
    SiglipVisionConfig,
    SiglipVisionModel,
)

ROOT = Path(__file__).resolve().parent / "models"
# Head width 9 and an MLP that is no multiple of it; 16 patches of 14 pixels.
VISION = dict(hidden_size=36, intermediate_size=50, num_hidden_layers=3, num_attention_heads=4, image_size=56,
              patch_size=14, projection_dim=10)
TEXT = dict(vocab_size=60, hidden_size=20, intermediate_size=34, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=12, projection_dim=10, bos_token_id=0)
# 58 pixels leave two over behind the fourth patch.
SIGLIP = dict(VISION, image_size=58)
SIGLIP.pop("projection_dim")
DINO = dict(hidden_size=30, num_hidden_layers=3, num_attention_heads=3, mlp_ratio=2, image_size=56, patch_size=14)


def seeded(model, seed):
    """Random numbers for everything, large enough that each part matters."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            noise = torch.randn(p.shape, generator=generator)
            if "norm" in name and name.endswith("weight"):
                p.copy_(1 + 0.2 * noise)
            elif "lambda1" in name:
                p.copy_(0.7 + 0.3 * noise)
            elif name == "logit_scale":
                p.fill_(2.3)
            elif p.ndim >= 2 and "position" not in name and "token" not in name:
                p.copy_(noise / p[0].numel() ** 0.5)
            else:
                p.copy_(0.3 * noise)
    return model.eval()


def pixels(seed, height=56, width=56, count=2):
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def fresh(name):
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def vision_expected(out, model, x, prefix=""):
    """`model`: a bare vision tower of any family."""
    with torch.no_grad():
        result = model(x, output_hidden_states=True)
    out[prefix + "pixels"] = x
    for i, h in enumerate(result.hidden_states):
        out[f"{prefix}hidden.{i}"] = h
    out[prefix + "pooled"] = result.pooler_output
    return result.pooler_output


def write_expected(folder, out):
    save_file({k: v.contiguous().clone() for k, v in out.items()}, folder / "expected.safetensors")


def clip_full(name, seed, activation, eos, ids, **save):
    config = CLIPConfig(vision_config=dict(VISION, hidden_act=activation),
                        text_config=dict(TEXT, hidden_act=activation, eos_token_id=eos, pad_token_id=eos),
                        projection_dim=10)
    model = seeded(CLIPModel(config), seed)
    folder = fresh(name)
    model.save_pretrained(folder, **save)
    model = CLIPModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    out = {"ids": torch.tensor(ids)}
    with torch.no_grad():
        out["embeds"] = model.visual_projection(vision_expected(out, model.vision_model, pixels(seed)))
        text = model.text_model(out["ids"], output_hidden_states=True)
        for i, h in enumerate(text.hidden_states):
            out[f"text.hidden.{i}"] = h
        out["text.pooled"] = text.pooler_output
        out["text.embeds"] = model.text_projection(text.pooler_output)
        out["logits"] = model(input_ids=out["ids"], pixel_values=out["pixels"]).logits_per_image
    write_expected(folder, out)
    return model


def siglip():
    """Both towers with a projection of another width than the tower, in bfloat16, and a bare tower in float16."""
    text = dict(vocab_size=60, hidden_size=20, intermediate_size=34, num_hidden_layers=2, num_attention_heads=4,
                max_position_embeddings=12, projection_size=14)
    folder = fresh("siglip")
    seeded(SiglipModel(SiglipConfig(vision_config=SIGLIP, text_config=text)), 8).bfloat16().save_pretrained(folder)
    model = SiglipModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    out = {"ids": torch.randint(60, (3, 12), generator=torch.Generator().manual_seed(8))}
    vision_expected(out, model.vision_model, pixels(8, 58, 58))
    with torch.no_grad():
        result = model.text_model(out["ids"], output_hidden_states=True)
    for i, h in enumerate(result.hidden_states):
        out[f"text.hidden.{i}"] = h
    out["text.embeds"] = result.pooler_output
    write_expected(folder, out)

    folder = fresh("siglip_vision_fp16")
    seeded(SiglipVisionModel(SiglipVisionConfig(**dict(SIGLIP, num_hidden_layers=2, layer_norm_eps=1e-3,
                                                       hidden_act="gelu"))), 9).half().save_pretrained(folder)
    model = SiglipVisionModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    out = {}
    vision_expected(out, model, pixels(9, 58, 58, count=1))
    write_expected(folder, out)


def main():
    siglip()
    # The end of text is 57 although ids above it occur, and it is the padding too.
    full = clip_full("clip", 1, "quick_gelu", 57, [[0, 5, 59, 57, 57, 57], [0, 8, 9, 10, 58, 57], [0, 57, 57, 57, 57, 57]])
    # The legacy rule (eos_token_id 2): the highest id ends the text. Several shards.
    clip_full("clip_legacy_sharded", 2, "gelu", 2, [[0, 5, 2, 59, 1, 1], [0, 8, 9, 10, 11, 59], [0, 59, 59, 3, 3, 3]],
              max_shard_size="60KB")

    # The text side alone.
    folder = fresh("clip_text")
    text = CLIPTextModelWithProjection(full.config.text_config)
    text.text_model.load_state_dict(full.text_model.state_dict())
    text.text_projection.load_state_dict(full.text_projection.state_dict())
    text.save_pretrained(folder)
    expected = load_file(ROOT / "clip" / "expected.safetensors")
    write_expected(folder, {k: v for k, v in expected.items() if k in ("ids", "text.embeds")})

    # Vision with projection, stored in float16, another epsilon.
    folder = fresh("clip_vision_fp16")
    config = CLIPVisionConfig(**dict(VISION, layer_norm_eps=1e-3, hidden_act="gelu", num_hidden_layers=2))
    seeded(CLIPVisionModelWithProjection(config), 3).half().save_pretrained(folder)
    model = CLIPVisionModelWithProjection.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    out = {}
    with torch.no_grad():
        out["embeds"] = model.visual_projection(vision_expected(out, model.vision_model, pixels(3)))
    write_expected(folder, out)

    # The bare tower, as transformers 5 writes it: no prefix, no projection.
    folder = fresh("clip_vision_bare")
    model = seeded(CLIPVisionModel(CLIPVisionConfig(**VISION)), 4)
    model.set_attn_implementation("eager")
    model.save_pretrained(folder)
    out = {}
    vision_expected(out, model, pixels(4, count=1))
    write_expected(folder, out)

    # pytorch_model.bin of old versions: position_ids stored, a sparse config.json with the old second copy.
    folder = fresh("clip_bin")
    state = {k: v.clone() for k, v in full.state_dict().items()}
    state["vision_model.embeddings.position_ids"] = torch.arange(17).unsqueeze(0)
    state["text_model.embeddings.position_ids"] = torch.arange(12).unsqueeze(0)
    torch.save(state, folder / "pytorch_model.bin")
    vision, text = dict(VISION), dict(TEXT, eos_token_id=57)
    del vision["projection_dim"], text["projection_dim"]
    config = dict(model_type="clip", architectures=["CLIPModel"], projection_dim=10, vision_config=dict(hidden_size=1),
                  vision_config_dict=vision, text_config={}, text_config_dict=text)
    (folder / "config.json").write_text(json.dumps(config, indent=2))

    for name, seed, make in (
        ("dinov2", 5, lambda: Dinov2Model(Dinov2Config(**DINO))),
        ("dinov2_swiglu", 6, lambda: Dinov2Model(Dinov2Config(**DINO, use_swiglu_ffn=True, use_mask_token=False,
                                                              qkv_bias=False, hidden_act="gelu"))),
        ("dinov2_registers", 7,
         lambda: Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**DINO, num_register_tokens=3))),
    ):
        folder = fresh(name)
        model = seeded(make(), seed)
        model.set_attn_implementation("eager")
        model.save_pretrained(folder)
        out = {}
        vision_expected(out, model, pixels(seed, count=1))
        # Other sizes: not square, and a little more than whole patches.
        vision_expected(out, model, pixels(seed + 10, 45, 90, count=1), "wide.")
        if name != "dinov2_swiglu":
            mask = torch.zeros(1, 16, dtype=torch.bool)
            mask[0, [1, 7, 8]] = True
            with torch.no_grad():
                out["masked.last"] = model(out["pixels"], bool_masked_pos=mask).last_hidden_state
        write_expected(folder, out)


if __name__ == "__main__":
    main()
