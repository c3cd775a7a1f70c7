// Dictionaries of saev: a line of JSON, then a state dict of torch.save.
#pragma once

#include <filesystem>
#include <memory>

#include "core/sae/dictionary.h"

namespace sememe {

// Whether a file begins as saev's do, with the brace of its header: no file of torch.save does.
bool isSaevFile(const std::filesystem::path& path);

// Reads sae.pt of every version of saev (no schema, and schemas 1 to 5) with its activations Relu, TopK and BatchTopK, as
// Standard, TopK and BatchTopK. The schema decides about b_dec: before 2 it is subtracted before encoding, from 2 on it is
// not, where the difference goes into the encoder's bias, so that the latents are the same. (The header cannot tell two
// exceptions: schema 1 of 2025-07-31, whose last commits no longer subtracted, and the Matryoshka objective, which still
// did so in schema 2 until 2025-09-05; core/sae/sae_check.h finds them out.) Nor does a file say whether its loader
// centred and scaled the activations, which before schema 2 was the default. A BatchTopK from before saev kept a threshold
// is read as TopK, with a warning: most of those versions took the largest of each row. saev's TopK lets negative latents
// through where fewer than k are positive; here they are zero.
// Throws Error: NotFound (file, key), Io, Corrupt (header; weights that are NaN or infinite), Mismatch (shapes), Unsupported
// (another schema or activation; the message names those that are read).
std::unique_ptr<Dictionary> loadSaev(const std::filesystem::path& path);

}  // namespace sememe
