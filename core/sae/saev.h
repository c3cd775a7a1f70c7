// Dictionaries in saev's files: a line of JSON before a torch state dict.
#pragma once

#include <filesystem>
#include <memory>

#include "core/sae/dictionary.h"

namespace sememe {

// Whether the file begins as one of saev's. False for what cannot be read.
bool isSaevFile(const std::filesystem::path& path);

// Every header so far: none ("d_vit" and its like alone), and schema 1 to 5; activations Relu (our standard), TopK and
// BatchTopK. The encoder subtracts b_dec up to schema 1 and no longer from 2 on, where the difference goes into its
// bias, so that the latents are the same. (A few files of schema 2 were written by a version that still subtracted: core/sae/sae_check.h
// finds them out.) A BatchTopK of before saev kept a threshold is read as TopK and a warning logged. saev's TopK lets
// negative latents through where fewer than k are positive; here they are zero.
// Throws Error (NotFound, Io; Corrupt: header or weights; Mismatch; Unsupported: another schema or activation).
std::unique_ptr<Dictionary> loadSaev(const std::filesystem::path& path);

}  // namespace sememe
