// Dictionaries in SAELens' folders: cfg.json beside sae_weights.safetensors.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/sae/dictionary.h"

namespace sememe {

// Where SAELens' tools would hook a dictionary in; only told on.
struct SaeLensOrigin {
  std::string modelName;  // "openai/clip-vit-large-patch14-336"
  std::string hookName;   // "blocks.22.hook_resid_post"
};

// Whether the folder holds both files.
bool isSaeLensFolder(const std::filesystem::path& folder);

// Architectures standard, gated, topk and jumprelu (what SAELens makes of its batch types when it saves them). Files of before
// version 6 are read too. b_dec may be subtracted first or not (`apply_b_dec_to_input`): what our types spell otherwise
// goes into the encoder's bias, so the latents are the same. Throws Error (NotFound, Io; Corrupt: broken files; Mismatch;
// Unsupported: another architecture, or activations that are normalised row by row).
std::unique_ptr<Dictionary> loadSaeLens(const std::filesystem::path& folder);

// Writes the folder, so that SAELens' load_from_disk gives the same latents. The batch types are written as jumprelu with one
// threshold for all latents, which is how SAELens saves its own. Each file is atomic. Throws Error (Io, DiskFull).
void saveSaeLens(const Dictionary& dictionary, const std::filesystem::path& folder, const SaeLensOrigin& origin = {});

}  // namespace sememe
